#!/usr/bin/env bash
# One file has two payload digests in a WARC, by how the server sent it; and bsdtar finds no file in a WARC of
# wget, with exit 0.
#
# Versions: Debian 12's wget 1.21.3 and libarchive-tools 3.6.2; warcio 2.4.11 (npm), on Node 20 or later.
# Expected: WARC-Payload-Digest (WARC 1.0 §5.9) is over the entity-body, without the transfer coding (RFC 2616
# §7.2), as the file that wget saves beside it. The same bytes of two mirrors then have one digest.
# Seen: where the server sends chunks, wget and warcio hash the chunk framing too, sizes in hexadecimal and all.
# Where it sends Content-Length, the digest is that of the file. wget puts `<` and `>` around
# WARC-Target-URI; bsdtar then skips every record, lists nothing, and succeeds. Without these two characters it
# unpacks each answer as a file with the status line and the header fields in front of the content.
#
# Prints the digests of both answers, and what bsdtar lists; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download wget=1.21.3-1+deb12u1 libarchive-tools=3.6.2-1+deb12u5 \
  libarchive13=3.6.2-1+deb12u5 libxml2=2.9.14+dfsg-1.3~deb12u6 libicu72=72.1-3+deb12u1 libnettle8=3.8.1-2
for package in ./*.deb; do dpkg -x "$package" root; done
bsdtar() { LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu) root/usr/bin/bsdtar "$@"; }
npm install --silent --no-audit --no-fund --prefix "$folder" warcio@2.4.11 >/dev/null 2>&1

cat >serve.mjs <<'EOP'
import { createServer } from 'node:http'

const server = createServer(({ url }, response) => {
  if (url === '/whole') response.setHeader('Content-Length', 12)
  response.write('hello world\n')
  response.end()
}).listen(0, '127.0.0.1', () => console.log(server.address().port))
EOP
node serve.mjs >port &
server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.1; done
root/usr/bin/wget -q --no-warc-compression --no-warc-keep-log --warc-file=site \
  "http://127.0.0.1:$(cat port)/chunked" "http://127.0.0.1:$(cat port)/whole"

cat >digest.mjs <<'EOP'
import { createReadStream } from 'node:fs'
import { WARCParser, WARCRecord, WARCSerializer } from 'warcio'

for await (const record of new WARCParser(createReadStream('site.warc'))) {
  if (record.warcType !== 'response') continue
  const content = await record.contentText()
  console.log(`wget, ${record.warcTargetURI.split('/').pop()}: ${record.warcPayloadDigest}, ${JSON.stringify(content)}`)
}
const framed = 'c\r\nhello world\n\r\n0\r\n\r\n'
for (const [name, body, httpHeaders] of [
  ['chunked', framed, { 'Transfer-Encoding': 'chunked' }],
  ['whole', 'hello world\n', { 'Content-Length': '12' }],
]) {
  const source = [new TextEncoder().encode(body)]
  const record = WARCRecord.create({ url: 'http://a/', type: 'response', httpHeaders }, source)
  const written = await WARCSerializer.serialize(record, { digest: { algo: 'sha-1', prefix: 'sha1:', base32: true } })
  console.log(`warcio, ${name}: ${/Payload-Digest: (\S+)/.exec(new TextDecoder().decode(written))[1]}`)
}
EOP
changed=0
expect() { # expect TITLE SEEN WANTED
  echo "$1: $2"
  [ "$2" = "$3" ] || { echo "  changed: it was $3" >&2; changed=1; }
}
digest() { sha1sum | cut -c -40 | tr a-f A-F | basenc --base16 -d | base32; }
file=sha1:$(digest <whole)
framed=sha1:$(printf 'c\r\nhello world\n\r\n0\r\n\r\n' | digest)
cmp chunked whole
echo "the file that wget saved, twice: $file"
expect 'digests' "$(node --no-warnings digest.mjs)" "wget, chunked: $framed, \"hello world\\n\"
wget, whole: $file, \"hello world\\n\"
warcio, chunked: $framed
warcio, whole: $file"
status=0
listed=$(bsdtar -tf site.warc) || status=$?
expect 'bsdtar -t' "exit $status, '$listed'" "exit 0, ''"
sed 's/^WARC-Target-URI: <\(.*\)>/WARC-Target-URI: \1/' site.warc >bare.warc
expect 'bsdtar -t without < and >' "$(bsdtar -tf bare.warc | paste -sd ' ')" 'chunked whole'
bsdtar -xOf bare.warc whole >unpacked
expect 'the first line of what it unpacks' "$(head -n 1 unpacked | tr -d '\r')" 'HTTP/1.1 200 OK'
exit "$changed"
