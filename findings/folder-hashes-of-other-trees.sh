#!/usr/bin/env bash
# Four packages of npm for the hash of a directory give one hash for directories of other files: folder-hash
# for `a` that holds `bc` and for `ab` that holds `c`.
#
# Versions: folder-hash 4.1.4, lucy-dirsum 0.1.1, dirsum 0.1.1, hash-files 1.1.1, on Node 20 or later. As
# another that tells all of these pairs apart, hashdirectory 0.1.0 runs beside them.
# Expected: the hash of a directory tells whether the same names hold the same bytes: each part has an end
# in what is hashed.
# Seen: folder-hash, "a hash checksum over a folder and its content", joins the name and the bytes of a file
# without a separator, so a byte that moves from the content into the name goes unseen. So does lucy-dirsum,
# which passes over names with a dot too, "digest of all content". dirsum covers no names of files and
# directories: any can be renamed, `old` to `new`. hash-files covers no names and no ends: bytes can move
# from one file to the next, and empty files come and go.
#
# Prints what each says of each pair; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" folder-hash@4.1.4 lucy-dirsum@0.1.1 dirsum@0.1.1 \
  hash-files@1.1.1 hashdirectory@0.1.0 >/dev/null 2>&1
cat >compare.mjs <<'EOP'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import dirsum from 'dirsum'
import folderHash from 'folder-hash'
import hashFiles from 'hash-files'
import hashdirectory from 'hashdirectory'
import lucyDirsum from 'lucy-dirsum'

const hashes = {
  'folder-hash': async (path) => (await folderHash.hashElement(path)).hash,
  'lucy-dirsum': promisify(lucyDirsum),
  dirsum: async (path) => (await promisify(dirsum.digest)(path, 'sha256')).hash,
  'hash-files': (path) => hashFiles.sync({ files: [`${path}/**`], algorithm: 'sha256' }),
  hashdirectory: (path) => hashdirectory.sync(path),
}
const pairs = {
  'the same': [{ a: '1', 'd/b': '2' }, { a: '1', 'd/b': '2' }],
  'another content': [{ a: '1' }, { a: '2' }],
  'a = bc, ab = c': [{ a: 'bc' }, { ab: 'c' }],
  'contents swapped': [{ new: '20', old: '10' }, { new: '10', old: '20' }],
  'file renamed': [{ 'd/old': '1', x: '2' }, { 'd/new': '1', x: '2' }],
  'directory renamed': [{ 'd/a': '1', x: '2' }, { 'e/a': '1', x: '2' }],
  'bytes moved to the next': [{ a: '12', b: '3' }, { a: '1', b: '23' }],
  'an empty file more': [{ a: '1' }, { a: '1', b: '' }],
  'another .env': [{ '.env': 'x', a: '1' }, { '.env': 'y', a: '1' }],
}
function make(path, files) {
  rmSync(path, { recursive: true, force: true })
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(`${path}/${name}`), { recursive: true })
    writeFileSync(`${path}/${name}`, content)
  }
}
for (const [title, [one, two]] of Object.entries(pairs)) {
  make('one/tree', one) // the names of the two roots are alike, as folder-hash covers that name
  make('two/tree', two)
  const same = []
  for (const [name, hash] of Object.entries(hashes))
    if ((await hash('one/tree')) === (await hash('two/tree'))) same.push(name)
  console.log(`${title}: ${same.join(' ')}`)
}
EOP
node --no-warnings compare.mjs >seen
echo 'pair: the packages that give both of it the same hash'
cat seen
diff - seen <<'EOF'
the same: folder-hash lucy-dirsum dirsum hash-files hashdirectory
another content: 
a = bc, ab = c: folder-hash lucy-dirsum
contents swapped: 
file renamed: dirsum hash-files
directory renamed: dirsum hash-files
bytes moved to the next: hash-files
an empty file more: hash-files
another .env: lucy-dirsum hash-files
EOF
