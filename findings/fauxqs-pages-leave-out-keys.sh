#!/usr/bin/env bash
# A listing of a fauxqs bucket page by page leaves keys out for good, and ends as if it were whole.
#
# Versions: fauxqs 2.4.1, @aws-sdk/client-s3 3.1175.0, on Node 24.
# Expected (ListObjectsV2): keys in the order of their UTF-8 bytes; all pages together hold every key.
# Seen: keys are sorted as in a dictionary (`a A a-b a/b B z`), but each page takes the keys that are greater
# than the last one byte by byte. Where the two orders differ, keys fall between the pages: in pages of two,
# `a` comes twice and `B` never. The last page has no token.
#
# Prints the pages; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" fauxqs@2.4.1 @aws-sdk/client-s3@3.1175.0 >/dev/null
cat >list.mjs <<'EOP'
import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { startFauxqs } from 'fauxqs'

const server = await startFauxqs({ port: 0, logger: false })
const s3 = new S3Client({
  endpoint: `http://127.0.0.1:${server.port}`,
  region: 'us-east-1',
  forcePathStyle: true,
  credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
})
const Bucket = 'bucket'
await s3.send(new CreateBucketCommand({ Bucket }))
for (const Key of ['A', 'B', 'a', 'a-b', 'a/b', 'z']) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }))

async function list(options) {
  const page = await s3.send(new ListObjectsV2Command({ Bucket, ...options }))
  return { keys: (page.Contents ?? []).map(({ Key }) => Key), token: page.NextContinuationToken }
}

const { keys: whole } = await list({})
console.log(`in one page: ${whole.join(' ')}`)
const paged = []
let ContinuationToken
do {
  const { keys, token } = await list({ MaxKeys: 2, ContinuationToken })
  paged.push(...keys)
  console.log(`page: ${keys.join(' ')}`)
  ContinuationToken = token
} while (ContinuationToken !== undefined && paged.length < 100)
const lost = whole.filter((key) => !paged.includes(key))
console.log(`never listed: ${lost.join(' ')}`)
process.exitCode = whole.join(' ') === 'a A a-b a/b B z' && paged.join(' ') === 'a A a a-b a/b z' ? 0 : 1
await server.stop()
EOP
node --no-warnings list.mjs
