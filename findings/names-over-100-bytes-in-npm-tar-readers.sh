#!/usr/bin/env bash
# Readers of tar files of npm give long names otherwise than they are in the archive: nanotar without their
# directory, @remix-run/tar-parser with a zero byte at the end, @andrewbranch/untar.js cut, so that two files
# have one name. nanotar writes names cut too.
#
# Versions: nanotar 0.3.0, @remix-run/tar-parser 0.7.1, @andrewbranch/untar.js 1.0.4, @obsidize/tar-browserify
# 6.3.2, on Node 20 or later, with modern-tar 0.8.6 and it-tar 6.0.6 beside them; the archives are by GNU tar.
# Expected: names of more than 100 bytes, for which ustar (of 1988), GNU tar and pax have a way each, come out
# as they went in, or fail.
# Seen: of an archive of the format ustar, nanotar and tar-browserify leave out the field `prefix`, so a file
# in a long directory comes out at the top. Of GNU tar's own format, which is its default, tar-parser and
# tar-browserify give names with the zero byte that ends them. untar.js cuts names after 100 bytes in GNU's
# and in pax's. nanotar's createTar cuts each name to 100 bytes, and makes one name of two.
#
# Prints the names, with `d…` and `n…` for long rows of one letter; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" nanotar@0.3.0 @remix-run/tar-parser@0.7.1 \
  @andrewbranch/untar.js@1.0.4 @obsidize/tar-browserify@6.3.2 modern-tar@0.8.6 it-tar@6.0.6 >/dev/null 2>&1
letters() { printf "%$2s" '' | tr ' ' "$1"; }
directory=$(letters d 90)
name=$(letters n 120)
mkdir -p "tree/$directory"
echo 1 >"tree/$directory/in-a-directory"
echo 2 >"tree/${name}2"
echo 3 >"tree/${name}3"
(cd tree && tar --format=ustar -cf ../ustar.tar "$directory/in-a-directory")
(cd tree && tar --format=gnu -cf ../gnu.tar "$directory/in-a-directory" "${name}2" "${name}3")
(cd tree && tar --format=pax -cf ../pax.tar "$directory/in-a-directory" "${name}2" "${name}3")

cat >read.mjs <<'EOP'
import { readFileSync } from 'node:fs'
import { untar } from '@andrewbranch/untar.js'
import { Archive } from '@obsidize/tar-browserify'
import { parseTar as parseTarOfRemix } from '@remix-run/tar-parser'
import { extract } from 'it-tar'
import { unpackTar } from 'modern-tar'
import { createTar, parseTar } from 'nanotar'

const readers = {
  nanotar: (bytes) => parseTar(bytes).map(({ name }) => name),
  async 'tar-parser'(bytes) {
    const names = []
    await parseTarOfRemix(bytes, ({ name }) => names.push(name))
    return names
  },
  'untar.js': (bytes) => untar(bytes).map(({ filename }) => filename),
  'tar-browserify': async (bytes) => (await Archive.extract(bytes)).entries.map(({ fileName }) => fileName),
  'modern-tar': async (bytes) => (await unpackTar(bytes)).map(({ header }) => header.name),
  async 'it-tar'(bytes) {
    const names = []
    for await (const { header, body } of extract()([bytes])) {
      names.push(header.name)
      for await (const _ of body);
    }
    return names
  },
}
const show = (names) => names.map((name) => name.replace(/([dn])\1+/, '$1…').replaceAll('\0', '\\0')).join(' ')
for (const format of ['ustar', 'gnu', 'pax'])
  for (const [name, read] of Object.entries(readers))
    console.log(`${format}, ${name}: ${show(await read(new Uint8Array(readFileSync(`${format}.tar`))))}`)
const long = 'n'.repeat(120)
const made = createTar([{ name: `${long}2`, data: '2' }, { name: `${long}3`, data: '3' }])
console.log(`by nanotar, modern-tar: ${show(await readers['modern-tar'](made))}`)
EOP
node --no-warnings read.mjs >seen
cat seen
diff - seen <<'EOF'
ustar, nanotar: in-a-directory
ustar, tar-parser: d…/in-a-directory
ustar, untar.js: d…/in-a-directory
ustar, tar-browserify: in-a-directory
ustar, modern-tar: d…/in-a-directory
ustar, it-tar: d…/in-a-directory
gnu, nanotar: d…/in-a-directory n…2 n…3
gnu, tar-parser: d…/in-a-directory\0 n…2\0 n…3\0
gnu, untar.js: d…/in-a-dire n… n…
gnu, tar-browserify: d…/in-a-directory\0 n…2\0 n…3\0
gnu, modern-tar: d…/in-a-directory n…2 n…3
gnu, it-tar: d…/in-a-directory n…2 n…3
pax, nanotar: d…/in-a-directory n…2 n…3
pax, tar-parser: d…/in-a-directory n…2 n…3
pax, untar.js: d…/in-a-dire n… n…
pax, tar-browserify: d…/in-a-directory n…2 n…3
pax, modern-tar: d…/in-a-directory n…2 n…3
pax, it-tar: d…/in-a-directory n…2 n…3
by nanotar, modern-tar: n… n…
EOF
