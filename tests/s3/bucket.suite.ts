import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { createDigestCache } from '../../functions/storage/objects/digest-cache.ts'
import { createObjectStorage } from '../../functions/storage/objects/object-storage.ts'
import type { StorageUnderTest } from '../../functions/storage/suite/storage.suite.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { createSend } from '../../runtime/node/http/http-client.ts'
import { createS3Objects } from '../../runtime/s3/objects.ts'

/** A server of S3, and its credentials. */
export interface S3Server {
  readonly endpoint: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

export const REGION = 'us-east-1'

/** AWS's own client of a server; the caller destroys it. */
export function createForeignClient({ endpoint, credentials }: S3Server): S3Client {
  return new S3Client({ endpoint, region: REGION, forcePathStyle: true, credentials: { ...credentials } })
}

/** The objects of one bucket of a server, as vouch sees them. */
export function openObjects(server: S3Server, bucket: string, root = '') {
  const place = { bucket, endpoint: server.endpoint, region: REGION, style: 'path', root } as const
  return createS3Objects({ ...place, credentials: async () => server.credentials, fetch: createSend() })
}

/** How the bucket of a test is made. */
export interface BucketOptions {
  readonly bucket: string
  readonly makesBucket: boolean
  /** Whether objects are written with a SHA-256, for the store to keep. */
  readonly withChecksums: boolean
  close(): Promise<void>
}

/** An empty bucket under the conformance suite, whose objects AWS's own client writes. */
export async function openBucketUnderTest(
  server: S3Server,
  { bucket, makesBucket, withChecksums, close }: BucketOptions,
): Promise<StorageUnderTest> {
  const client = createForeignClient(server)
  if (makesBucket) await client.send(new CreateBucketCommand({ Bucket: bucket }))
  const checksum = withChecksums ? ({ ChecksumAlgorithm: 'SHA256' } as const) : {}
  return {
    storage: createObjectStorage(openObjects(server, bucket), {
      createHasher,
      cache: createDigestCache(),
      writable: true,
    }),
    async write(name, bytes) {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: name, Body: bytes, ...checksum }))
    },
    async remove(name) {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: name }))
    },
    writable: true,
    seesChanges: false,
    async close() {
      client.destroy()
      await close()
    },
  }
}
