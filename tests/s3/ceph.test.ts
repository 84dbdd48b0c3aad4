import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Send } from '../../functions/storage/remote/remote.ts'
import { describeStorage } from '../../functions/storage/suite/storage.suite.ts'
import { createSend } from '../../runtime/node/http/http-client.ts'
import { createS3Objects } from '../../runtime/s3/objects.ts'
import { createForeignClient, openBucketUnderTest, openObjects, REGION } from './bucket.suite.ts'
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

  it('answers with the bucket in the host as well as in the path', async () => {
    const client = createForeignClient(ceph)
    await client.send(new CreateBucketCommand({ Bucket: 'in-the-host' }))
    await client.send(new PutObjectCommand({ Bucket: 'in-the-host', Key: 'a b+c', Body: 'content' }))
    client.destroy()
    const send = createSend()
    const { port } = new URL(ceph.endpoint)
    // The name does not resolve: the connection goes to the address, and the request has the name.
    const byName: Send = (url, init) => {
      const { host, pathname, search } = new URL(url)
      return send(ceph.endpoint + pathname + search, { ...init, headers: { ...init.headers, host } })
    }
    const objects = createS3Objects({
      ...{ bucket: 'in-the-host', region: REGION, style: 'virtual', root: '', fetch: byName },
      ...{ endpoint: `http://s3.localhost:${port}`, credentials: async () => ceph.credentials },
    })
    expect(await objects.head('a b+c', undefined)).toMatchObject({ size: 7 })
    expect((await objects.list('', '', 10, undefined)).objects.map(({ key }) => key)).toEqual(['a b+c'])
  })

  it('returns errors that vouch reports: a signature, a missing bucket', async () => {
    const wrong = { ...ceph, credentials: { ...ceph.credentials, secretAccessKey: 'another' } }
    await expect(openObjects(wrong, 'in-the-host').head('a', undefined)).rejects.toThrow(
      /refused the credentials \(status 403, SignatureDoesNotMatch\)/,
    )
    await expect(openObjects(ceph, 'no-such-bucket').head('a', undefined)).rejects.toThrow(/no such bucket/)
  })

  describeStorage('under the suite', () =>
    openBucketUnderTest(ceph, {
      bucket: `bucket-${buckets++}`,
      makesBucket: true,
      withChecksums: false,
      close: async () => {},
    }),
  )
})
