#!/usr/bin/env bash
# s3rver answers a request for the last byte with the first two, and one for two ranges with the whole as a
# 206.
#
# Version: s3rver 3.7.1, on Node 18 or later.
# Expected (RFC 9110 §14.1.2): `bytes=-1` of `0123456789` is `9`. Two ranges get both, the whole with 200, or,
# as in S3, an error.
# Seen: `bytes=-1` gets 206, `bytes 0-1/10`, `01`; `bytes=-3` the first four. `bytes=0-1,4-5` gets 206, `bytes
# 0-9/10` and all ten bytes. Each answer is consistent in itself, so only a client that compares Content-Range
# with what it asked for notices.
#
# Prints the answers; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" s3rver@3.7.1 >/dev/null
mkdir data
node_modules/.bin/s3rver -d data -a 127.0.0.1 -p 18127 --configure-bucket bucket >/dev/null 2>&1 &
server=$!
for _ in $(seq 100); do
  curl -s -o /dev/null http://127.0.0.1:18127/ && break
  sleep 0.1
done

sign=(-s --aws-sigv4 'aws:amz:us-east-1:s3' --user S3RVER:S3RVER -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD')
curl "${sign[@]}" -o /dev/null -X PUT --data-binary 0123456789 http://127.0.0.1:18127/bucket/object

changed=0
expect() { # expect RANGE WANTED
  local seen
  curl "${sign[@]}" -D head -o body -H "Range: bytes=$1" http://127.0.0.1:18127/bucket/object
  seen="$(awk 'NR == 1 { print $2 }' head) $(tr -d '\r' <head | sed -n 's/^content-range: bytes //Ip') $(cat body)"
  echo "bytes=$1: $seen"
  [ "$seen" = "$2" ] || { echo "  changed: it was $2" >&2; changed=1; }
}

expect 2-3 '206 2-3/10 23'
expect -1 '206 0-1/10 01'
expect -3 '206 0-3/10 0123'
expect 0-1,4-5 '206 0-9/10 0123456789'
exit "$changed"
