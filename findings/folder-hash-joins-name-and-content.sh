#!/usr/bin/env bash
# folder-hash and hash-of-directory give two folders one hash, when the end of a file's name is the
# beginning of the other's content; and an empty file the hash of an empty folder.
#
# Versions: folder-hash 4.1.4, hash-of-directory 1.0.1, on Node 18 or later.
# Expected: folders with other names or other contents have other hashes.
# Seen: the name and the content of a file are hashed one behind the other, with nothing between them. A
# file `part1` of the text `0 items` and a file `part` of the text `10 items` are the same to both. What the
# packages are used for, to tell whether a folder changed, then says no.
#
# Prints the hashes; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" folder-hash@4.1.4 hash-of-directory@1.0.1 >/dev/null
mkdir -p one/tree two/tree file/tree folder/tree/empty other/tree
printf '0 items' >one/tree/part1
printf '10 items' >two/tree/part
: >file/tree/empty
printf '20 items' >other/tree/part
cat >hash.cjs <<'EOP'
const { hashElement } = require('folder-hash')
const { hashOfDirectory } = require('hash-of-directory')

async function run() {
  const hashes = {}
  for (const name of ['one', 'two', 'file', 'folder', 'other'])
    hashes[name] = [(await hashElement(`${name}/tree`)).hash, await hashOfDirectory(`${name}/tree`)]
  for (const [name, two] of Object.entries(hashes)) console.log(`${name}/tree: ${two.join(' ')}`)
  const isSame = (a, b) => [0, 1].every((i) => hashes[a][i] === hashes[b][i])
  if (isSame('one', 'two') && isSame('file', 'folder') && !isSame('two', 'other')) return
  console.error('changed')
  process.exitCode = 1
}

run()
EOP
for tree in one two other; do (cd "$tree/tree" && echo "$tree: $(ls): $(cat ./*)"); done
node --no-warnings hash.cjs
