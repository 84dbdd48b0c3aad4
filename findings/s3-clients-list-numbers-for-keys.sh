#!/usr/bin/env bash
# minio lists the key `007` of a bucket as `7`, lean-s3 as the number 7, and with s3mini keys lose their
# blanks.
#
# Versions: minio 8.0.7, lean-s3 0.6.3, s3mini 1.0.2, @aws-sdk/client-s3 3.1175.0, on Node 24; s3rver 3.7.1
# is the store.
# Expected: a listing gives each key as it was stored.
# Seen: listObjectsV2 of minio reads what looks like a number as one and writes it out again: `007` and `7`
# are both `7`, `1.50` is `1.5`, and the names are those of other objects, or of none. Its listObjects, of
# the older request, has them right. list of lean-s3 gives numbers, and for `true` a boolean. These two and
# s3mini cut blanks off at both ends. A program that lists a bucket to copy, compare or delete its objects
# then misses some, or takes another. AWS's own client gives all seven.
#
# Prints what each lists; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" minio@8.0.7 lean-s3@0.6.3 s3mini@1.0.2 \
  s3rver@3.7.1 @aws-sdk/client-s3@3.1175.0 >/dev/null 2>&1
cat >list.mjs <<'EOP'
import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { S3Client as LeanClient } from 'lean-s3'
import { Client } from 'minio'
import { S3mini } from 's3mini'
import S3rver from 's3rver'

const keys = [' lead', '007', '1.50', '7', 'end ', 'plain', 'true']
const server = new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory: `${process.cwd()}/store` })
const { port } = await server.run()
const endpoint = `http://127.0.0.1:${port}`
const account = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }
const region = 'us-east-1'
const aws = new S3Client({ endpoint, region, forcePathStyle: true, credentials: account })
await aws.send(new CreateBucketCommand({ Bucket: 'bucket' }))
for (const Key of keys) await aws.send(new PutObjectCommand({ Bucket: 'bucket', Key, Body: Key }))

const minio = new Client({
  ...{ endPoint: '127.0.0.1', port, useSSL: false, region },
  ...{ accessKey: account.accessKeyId, secretKey: account.secretAccessKey },
})
const collect = async (stream) => (await Array.fromAsync(stream)).map(({ name }) => name)
const listings = {
  aws: (await aws.send(new ListObjectsV2Command({ Bucket: 'bucket' }))).Contents.map(({ Key }) => Key),
  'minio listObjectsV2': await collect(minio.listObjectsV2('bucket', '', true)),
  'minio listObjects': await collect(minio.listObjects('bucket', '', true)),
  'lean-s3': (await new LeanClient({ endpoint, region, bucket: 'bucket', ...account }).list()).contents.map(
    ({ key }) => key,
  ),
  s3mini: (await new S3mini({ endpoint: `${endpoint}/bucket`, region, ...account }).listObjects()).map(
    ({ Key }) => Key,
  ),
}
for (const [client, listed] of Object.entries(listings)) console.log(`${client}: ${JSON.stringify(listed)}`)
process.exit()
EOP
seen=$(timeout 60 node --no-warnings list.mjs)
echo "$seen"
[ "$seen" = 'aws: [" lead","007","1.50","7","end ","plain","true"]
minio listObjectsV2: ["lead","7","1.5","7","end","plain","true"]
minio listObjects: ["lead","007","1.50","7","end","plain","true"]
lean-s3: ["lead",7,1.5,7,"end","plain",true]
s3mini: ["lead","007","1.50","7","end","plain","true"]' ] || { echo 'changed' >&2; exit 1; }
