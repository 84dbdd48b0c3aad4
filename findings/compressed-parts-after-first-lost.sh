#!/usr/bin/env bash
# Node's zstd, its fetch, and well-known npm packages decompress the first part of a file, and end as if
# that were all. Of a file by pzstd Node's zstd gives nothing at all.
#
# Versions: Node 24.21.0 (the npm package node); fflate 0.8.3, seek-bzip 2.0.0, lz4js 0.2.0. The files are
# by gzip, bzip2, zstd, pzstd 1.5.4 and lz4 1.9.4 of Debian 12, which read them whole.
# Expected: a compressed file may be several, one behind the other (RFC 1952 §2.2, RFC 8878 §3.1, and so for
# bzip2 and LZ4); `zstd -c a b` and `cat a.zst b.zst` write it, pzstd, pbzip2 and bgzip do for speed. All
# parts are read, as node:zlib does for gzip, or the reader fails, as DecompressionStream does.
# Seen: zstdDecompressSync gives the content of a and not that of b. pzstd begins with a frame that holds
# the size of the next and no content, so nothing is left: 0 bytes, no error. A fetch of an answer with
# `Content-Encoding: zstd` ends likewise, with ok. seek-bzip (unless asked for several streams) and lz4js
# stop behind the first part too. fflate's gunzipSync gives as many bytes of the first part as the last part
# has: of a file by bgzip, whose last part is empty, none.
#
# Prints what each gives; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download zstd=1.5.4+dfsg2-5+deb12u1 lz4=1.9.4-1 liblz4-1=1.9.4-1 \
  bzip2=1.0.8-5+b1
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)
npm install --silent --no-audit --no-fund --prefix "$folder" node@24.21.0 fflate@0.8.3 seek-bzip@2.0.0 \
  lz4js@0.2.0 >/dev/null 2>&1

printf 'first part, ' >a
printf 'second part' >b
cat a b >both
tools=root/usr/bin
gzip -c a b >both.gz
"$(find root -name bzip2 -type f)" -c a b >both.bz2
"$tools/zstd" -q -c a b >both.zst
"$tools/pzstd" -q -c both >pzstd.zst
for part in a b; do "$tools/lz4" -q -c "$part"; done >both.lz4
echo "gzip: $(gzip -dc <both.gz)"
echo "bzip2: $("$(find root -name bzip2 -type f)" -dc <both.bz2)"
echo "zstd: $("$tools/zstd" -q -dc both.zst); of pzstd's file: $("$tools/zstd" -q -dc pzstd.zst)"
echo "lz4: $("$tools/lz4" -q -dc both.lz4)"

cat >read.cjs <<'EOP'
const { readFileSync } = require('node:fs')
const { createServer } = require('node:http')
const { gunzipSync, zstdDecompressSync } = require('node:zlib')
const fflate = require('fflate')
const lz4 = require('lz4js')
const bzip = require('seek-bzip')

const { decode } = bzip.default ?? bzip
const server = createServer(({ url }, response) => {
  response.writeHead(200, { 'Content-Encoding': 'zstd' }).end(readFileSync(url.slice(1)))
}).listen(0, '127.0.0.1', async () => {
  const download = async (name) => {
    const response = await fetch(`http://127.0.0.1:${server.address().port}/${name}`)
    return `${await response.text()} (${response.ok ? 'ok' : response.status})`
  }
  const inflate = () =>
    new Response(new Blob([readFileSync('both.gz')]).stream().pipeThrough(new DecompressionStream('gzip'))).text()
  const readers = {
    'node gunzipSync': () => gunzipSync(readFileSync('both.gz')),
    DecompressionStream: () => inflate().catch(({ name }) => name),
    'node zstdDecompressSync': () => zstdDecompressSync(readFileSync('both.zst')),
    'node zstdDecompressSync of pzstd': () => zstdDecompressSync(readFileSync('pzstd.zst')),
    'node fetch': () => download('both.zst'),
    'node fetch of pzstd': () => download('pzstd.zst'),
    'fflate gunzipSync': () => Buffer.from(fflate.gunzipSync(readFileSync('both.gz'))),
    'seek-bzip': () => decode(readFileSync('both.bz2')),
    'seek-bzip, several': () => decode(readFileSync('both.bz2'), null, true),
    lz4js: () => Buffer.from(lz4.decompress(readFileSync('both.lz4'))),
  }
  for (const [name, read] of Object.entries(readers)) console.log(`${name}: '${await read()}'`)
  server.close()
  server.closeAllConnections()
})
EOP
seen=$(timeout 60 node_modules/.bin/node --no-warnings read.cjs)
echo "$seen"
[ "$seen" = "node gunzipSync: 'first part, second part'
DecompressionStream: 'TypeError'
node zstdDecompressSync: 'first part, '
node zstdDecompressSync of pzstd: ''
node fetch: 'first part,  (ok)'
node fetch of pzstd: ' (ok)'
fflate gunzipSync: 'first part,'
seek-bzip: 'first part, '
seek-bzip, several: 'first part, second part'
lz4js: 'first part, '" ] || { echo 'changed' >&2; exit 1; }
