#!/usr/bin/env bash
# A COPY with `Overwrite: F` replaces a file on webdav-server, which refuses the same MOVE; a range behind
# the end of a file gets its last byte.
#
# Version: webdav-server 2.6.3 (npm), serving a directory, on Node 18 or later.
# Expected (RFC 4918 §9.8.4, §10.6): 412 where the destination is there, as the server answers MOVE. RFC
# 9110 §15.5.17: 416 for a range that begins behind the end. RFC 4918 §8.3: an href is percent-encoded.
# Seen: COPY answers 201, and the destination has the other content. `bytes=20-30` of ten bytes is 206 with
# `Content-Range: bytes 9-9/*` and the last byte. In a PROPFIND the file `a#b` has the href `/a#b`, which is
# the address of a file `a`, so that a client that compares by its listing takes one file for another.
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
npm install --silent --no-audit --no-fund --prefix "$folder" webdav-server@2.6.3 >/dev/null 2>&1
mkdir www
printf 0123456789 >www/source
printf 'another file' >www/target
printf x >'www/a#b'
cat >server.cjs <<'EOP'
const { v2 } = require('webdav-server')

const server = new v2.WebDAVServer({ hostname: '127.0.0.1', port: 0 })
server.setFileSystem('/', new v2.PhysicalFileSystem('www'), () => {
  server.start((http) => console.log(http.address().port))
})
EOP
exec {answer}< <(exec node --no-warnings server.cjs)
server=$!
read -r port <&"$answer"
address=http://127.0.0.1:$port

changed=0
expect() { # expect TITLE SEEN WANTED
  echo "$1: $2"
  [ "$2" = "$3" ] || { echo "  changed: it was $3" >&2; changed=1; }
}
send() { # send METHOD: the status of one that must not overwrite, and the target then
  curl -s -o /dev/null -w '%{http_code}' -X "$1" -H "Destination: $address/target" -H 'Overwrite: F' "$address/source"
  echo ", target: $(cat www/target)"
}
expect 'MOVE, Overwrite: F' "$(send MOVE)" '412, target: another file'
expect 'COPY, Overwrite: F' "$(send COPY)" '201, target: 0123456789'
range=$(curl -s -D fields -H 'Range: bytes=20-30' "$address/source")
expect 'bytes=20-30' "$(awk 'NR == 1 { print $2 } tolower($1) == "content-range:" { print $2, $3 }' fields | tr -d '\r' | paste -sd ' ') '$range'" \
  "206 bytes 9-9/* '9'"
listing=$(curl -s -X PROPFIND -H 'Depth: 1' "$address/" | grep -o '<D:href>[^<]*' | sed "s#.*$port##" | LC_ALL=C sort | paste -sd ' ')
expect 'PROPFIND' "$listing" '/ /a#b /source /target'
exit "$changed"
