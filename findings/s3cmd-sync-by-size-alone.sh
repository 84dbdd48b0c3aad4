#!/usr/bin/env bash
# s3cmd sync leaves a file whose content differs, where the object was uploaded in parts: it compares those by
# their sizes alone, and exits with 0.
#
# Versions: Debian 12's s3cmd 2.3.0; @aws-sdk/client-s3 3.1175.0 puts the objects into fauxqs 2.4.1, on Node 24.
# Expected: where the entity tag is no MD5 (`…-1`), the file is transferred, or compared by time, or the program
# says that it cannot tell.
# Seen: both ways, down and up, two contents of one size count as the same. Beside it an object that was put at
# once, with the same two contents, is transferred, as sync compares MD5 there. Only --verbose tells that it did
# not of the other. Most programs upload in parts what is larger than some MiB, so a bucket has both kinds.
#
# Prints what is on each side after a sync; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download s3cmd=2.3.0-1 python3-dateutil=2.8.2-2 python3-magic=2:0.4.26-3 \
  python3-six=1.16.0-4
for package in ./*.deb; do dpkg -x "$package" root; done
npm install --silent --no-audit --no-fund --prefix "$folder" fauxqs@2.4.1 @aws-sdk/client-s3@3.1175.0 >/dev/null
cat >store.mjs <<'EOP'
import { writeFileSync } from 'node:fs'
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { startFauxqs } from 'fauxqs'

const server = await startFauxqs({ port: 0, logger: false })
const s3 = new S3Client({
  endpoint: `http://127.0.0.1:${server.port}`,
  region: 'us-east-1',
  forcePathStyle: true,
  credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
})
const Bucket = 'bucket'
const Body = 'new content\n'
await s3.send(new CreateBucketCommand({ Bucket }))
await s3.send(new PutObjectCommand({ Bucket, Key: 'at-once', Body }))
const parts = { Bucket, Key: 'in-parts' }
parts.UploadId = (await s3.send(new CreateMultipartUploadCommand(parts))).UploadId
const { ETag } = await s3.send(new UploadPartCommand({ ...parts, PartNumber: 1, Body }))
const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] }
await s3.send(new CompleteMultipartUploadCommand({ ...parts, MultipartUpload }))
writeFileSync('port', String(server.port))
EOP
node --no-warnings store.mjs >said 2>&1 &
server=$!
for _ in $(seq 200); do [ -s port ] && break; sleep 0.1; done
cat >settings <<EOF
[default]
access_key = key
secret_key = secret
host_base = 127.0.0.1:$(cat port)
host_bucket = 127.0.0.1:$(cat port)
use_https = False
EOF
s3cmd() { PYTHONPATH=root/usr/lib/python3/dist-packages python3 root/usr/bin/s3cmd -c settings "$@"; }

changed=0
expect() { # expect TITLE SEEN WANTED
  echo "$1: $2"
  [ "$2" = "$3" ] || { echo "  changed: it was $3" >&2; changed=1; }
}
sync_files() { # sync_files FROM TO: its exit status, and what it said of checks
  local status=0
  s3cmd sync --no-progress "$1" "$2" >log 2>&1 || status=$?
  echo "exit $status $(grep -i md5 log || true)"
}
mkdir files
old() { for name in at-once in-parts; do echo 'old content' >"files/$name"; done; }

old
echo 'in the bucket both are: new content; here both are: old content'
expect 'sync from the bucket' "$(sync_files s3://bucket/ files/)" 'exit 0 '
for name in at-once in-parts; do echo "  $name here: $(cat "files/$name")"; done
expect 'then here' "$(cat files/at-once), $(cat files/in-parts)" 'new content, old content'
old
expect 'sync to the bucket' "$(sync_files files/ s3://bucket/)" 'exit 0 '
got() { s3cmd get --quiet "s3://bucket/$1" -; }
expect 'then in the bucket' "$(got at-once), $(got in-parts)" 'old content, new content'
exit "$changed"
