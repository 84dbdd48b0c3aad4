import { describeStorage } from '../../functions/storage/suite/storage.suite.ts'
import { UNLISTED } from '../../functions/storage/suite/suite-tools.suite.ts'
import { openBucketUnderTest } from './bucket.suite.ts'
import { BUCKET, CONDITIONS, createMemoryStore, S3RVER_CREDENTIALS, startS3rver } from './s3rver.suite.ts'

for (const keepsChecksums of [false, true]) {
  describeStorage(`S3, whose store keeps ${keepsChecksums ? '' : 'no '}checksums,`, async () => {
    const store = createMemoryStore({ heeds: CONDITIONS, keepsChecksums })
    const { endpoint, close } = await startS3rver({ store })
    const under = await openBucketUnderTest(
      { endpoint, credentials: S3RVER_CREDENTIALS },
      { bucket: BUCKET, makesBucket: false, withChecksums: keepsChecksums, close },
    )
    return {
      ...under,
      holdsLongSegments: true,
      async plant() {
        for (const { example } of UNLISTED) store.hold(example, Buffer.from('x'))
        store.hold('folder/', Buffer.alloc(0))
        return [...UNLISTED, { kind: 'folder-marker', example: 'folder/' }]
      },
    }
  })
}
