import { afterAll, beforeAll, describe } from 'vitest'
import { describeStorage } from '../../functions/storage/storage.suite.ts'
import { openBucketUnderTest } from './bucket.suite.ts'
import { hasCeph, type RunningCeph, startCeph } from './ceph.suite.ts'

const isHere = hasCeph()
if (!isHere) console.warn('NOT TESTED without ceph-mon, ceph-osd and radosgw: S3 as Ceph speaks it')

describe.skipIf(!isHere)('Ceph', () => {
  let ceph: RunningCeph
  let buckets = 0
  beforeAll(async () => {
    ceph = await startCeph()
  }, 120_000)
  afterAll(() => ceph.close())

  describeStorage('under the suite', () =>
    openBucketUnderTest(ceph, {
      bucket: `bucket-${buckets++}`,
      makesBucket: true,
      withChecksums: false,
      close: async () => {},
    }),
  )
})
