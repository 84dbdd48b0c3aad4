#!/usr/bin/env bash
# Of the files `d\e` and `d/e` of one tree, archiver, adm-zip, mirror-drive and bsdtar bring one over, or
# give it a third name; none says so.
#
# Versions: archiver 8.0.0, adm-zip 0.6.1, mirror-drive 1.14.2 with localdrive 2.2.1, on Node 24; Debian
# 12's bsdtar 3.6.2, zip 3.0 and unzip 6.0; on Linux, where a backslash is a character of a name like any
# other.
# Expected: both files arrive, as by zip and unzip and by GNU tar, or a refusal.
# Seen: archiver writes two entries `d/e`, into a tar too, so that one is left when they are unpacked.
# adm-zip's addLocalFolder names the file `d\e` `e`. A mirror of one Localdrive to another counts two files
# and leaves one out. bsdtar unpacks the two names of a zip archive, as zip wrote them, to the one file
# `d/e`.
#
# Prints what arrives; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5 \
  libxml2=2.9.14+dfsg-1.3~deb12u6 libicu72=72.1-3+deb12u1 libnettle8=3.8.1-2 zip=3.0-13+deb12u1 \
  unzip=6.0-28+deb12u1
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)
npm install --silent --no-audit --no-fund --prefix "$folder" archiver@8.0.0 adm-zip@0.6.1 mirror-drive@1.14.2 \
  localdrive@2.2.1 >/dev/null 2>&1

mkdir -p tree/d
echo slash >tree/d/e
echo backslash >'tree/d\e'
cat >write.mjs <<'EOP'
import { createWriteStream, writeFileSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import AdmZip from 'adm-zip'
import { TarArchive } from 'archiver'
import Localdrive from 'localdrive'
import MirrorDrive from 'mirror-drive'

const tar = new TarArchive()
tar.directory('tree', false)
await Promise.all([pipeline(tar, createWriteStream('archiver.tar')), tar.finalize()])

const zip = new AdmZip()
zip.addLocalFolder('tree')
writeFileSync('adm.zip', zip.toBuffer())

const mirror = new MirrorDrive(new Localdrive('tree'), new Localdrive('mirror'))
await mirror.done()
console.log(`mirror-drive counts ${mirror.count.files} files, ${mirror.count.add} added`)
EOP
timeout 60 node --no-warnings write.mjs
(cd tree && "$folder/root/usr/bin/zip" -qr ../info.zip .)

mkdir by-zip by-bsdtar by-archiver by-adm-zip
root/usr/bin/unzip -q info.zip -d by-zip
"$(find root -name bsdtar -type f)" -xf info.zip -C by-bsdtar
tar -xf archiver.tar -C by-archiver
root/usr/bin/unzip -q adm.zip -d by-adm-zip
mv mirror by-mirror-drive
tar -cf gnu.tar -C tree .
mkdir by-tar
tar -xf gnu.tar -C by-tar

entries=$(tar -tf archiver.tar | LC_ALL=C sort | paste -sd ' ')
echo "entries by archiver: $entries; unpacked: $(cd by-archiver && find . -type f | paste -sd ' ')"
changed=0
[ "$entries" = 'd/ d/e d/e' ] || { echo '  changed: it was d/ d/e d/e' >&2; changed=1; }
expect() { # expect NAME WANTED: the files and their contents, as FILE=CONTENT
  local seen
  seen=$(cd "by-$1" && find . -type f | LC_ALL=C sort | while IFS= read -r file; do echo "${file#./}=$(cat "$file")"; done | paste -sd ' ')
  echo "$1: $seen"
  [ "$seen" = "$2" ] || { echo "  changed: it was $2" >&2; changed=1; }
}
expect zip 'd/e=slash d\e=backslash'
expect tar 'd/e=slash d\e=backslash'
expect bsdtar 'd/e=slash'
expect adm-zip 'd/e=slash e=backslash'
expect mirror-drive 'd/e=slash'
exit "$changed"
