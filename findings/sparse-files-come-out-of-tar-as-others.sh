#!/usr/bin/env bash
# A sparse file of a GNU tar archive is left out by npm's tar, and comes out of others under another name with
# other bytes.
#
# Versions: archives by Debian 12's tar 1.34 with -S; read by npm's tar 7.5.23 and tar-fs 3.1.3 (Node 24),
# 7-Zip 26.01 (p7zip-full), pax 20201030 and busybox 1.35.0.
# Expected: the file as it was, or an error and a status.
# Seen: of the old format (--format=gnu, the default) npm's tar leaves the file out, with no warning, under
# `strict: true` too, and does not list it; pax writes the parts that hold data one after another. Of the
# newer one (--format=posix) each of the five writes `GNUSparseFile.PID/NAME`, the map of the holes in front
# of those parts, and succeeds. Right or refused with an error in the old format: 7-Zip, tar-fs, busybox.
#
# Prints what came of a file of 1 MiB that holds data at both ends; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download tar=1.34+dfsg-1.2+deb12u1 pax=1:20201030-1 \
  p7zip-full=16.02+really26.01+dfsg-0+deb12u1 busybox-static=1:1.35.0-4+deb12u1+b1
for package in ./*.deb; do dpkg -x "$package" root; done
npm install --silent --no-audit --no-fund --prefix "$folder" tar@7.5.23 tar-fs@3.1.3 >/dev/null

mkdir tree
printf head >tree/image
truncate -s $((1024 * 1024 - 4)) tree/image
printf tail >>tree/image
root/bin/tar -C tree -S --format=gnu -cf gnu.tar image
root/bin/tar -C tree -S --format=posix -cf posix.tar image

cat >npm-tar.mjs <<'EOP'
import { extract } from 'tar'
await extract({ file: process.argv[2], strict: true, onwarn: (code, message) => console.log(code, message) })
EOP
cat >tar-fs.mjs <<'EOP'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { extract } from 'tar-fs'
await pipeline(createReadStream(process.argv[2]), extract('.'))
EOP

try() { # try ARCHIVE COMMAND...: "exit STATUS, " and what was extracted
  local archive=$1 status=0 out
  shift
  rm -rf out
  mkdir out
  (cd out && "$@" >/dev/null 2>&1) || status=$?
  out=$(cd out && find . -type f | sed 's|^\./||;s|\.[0-9]*/|.PID/|')
  if [ -z "$out" ]; then out=nothing; elif cmp -s out/image tree/image; then out='the file'; else
    out="$out of $(find out -type f -printf '%s') bytes"
  fi
  echo "$archive: exit $status, $out"
}

seen=
readers() { # readers ARCHIVE
  local line archive=$folder/$1
  line="npm tar, $(try "$1" node --no-warnings "$folder/npm-tar.mjs" "$archive")
tar-fs, $(try "$1" node --no-warnings "$folder/tar-fs.mjs" "$archive")
7-Zip, $(try "$1" "$folder/root/usr/lib/p7zip/7za" x "$archive")
pax, $(try "$1" "$folder/root/bin/pax" -r -f "$archive")
busybox, $(try "$1" "$folder/root/bin/busybox" tar -xf "$archive")"
  echo "$line"
  seen+="$line
"
}
readers gnu.tar
readers posix.tar
[ "$seen" = 'npm tar, gnu.tar: exit 0, nothing
tar-fs, gnu.tar: exit 1, nothing
7-Zip, gnu.tar: exit 0, the file
pax, gnu.tar: exit 0, image of 8192 bytes
busybox, gnu.tar: exit 1, nothing
npm tar, posix.tar: exit 0, GNUSparseFile.PID/image of 8704 bytes
tar-fs, posix.tar: exit 0, GNUSparseFile.PID/image of 8704 bytes
7-Zip, posix.tar: exit 0, GNUSparseFile.PID/image of 8704 bytes
pax, posix.tar: exit 0, GNUSparseFile.PID/image of 8704 bytes
busybox, posix.tar: exit 0, GNUSparseFile.PID/image of 8704 bytes
' ]
