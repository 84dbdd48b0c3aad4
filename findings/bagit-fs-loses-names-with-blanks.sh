#!/usr/bin/env bash
# bagit-fs does not find a file `two words.txt` that it wrote into a bag itself.
#
# Version: bagit-fs 1.1.1, on Node 18 or later.
# Expected: readFile gives the file back, verified, as it does for other names; a manifest's name runs to the
# end of its line (RFC 8493 §2.1.3).
# Seen: the manifest that it writes is `SUM data/two words.txt`, and the name that it reads is `data/two`, so
# the file is "not found in manifest", and an entry stands for a file that is not there.
#
# Prints the manifest and what was read; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" bagit-fs@1.1.1 >/dev/null 2>&1
cat >bag.cjs <<'EOP'
const { readFileSync } = require('node:fs')
const { promisify } = require('node:util')
const bagIt = require('bagit-fs')

async function run() {
  const bag = bagIt('bag', 'sha256', {})
  // The manifest gets its line when the sum is known, which the stream's own end does not wait for.
  for (const name of ['plain.txt', 'two words.txt']) {
    await new Promise((resolve) => bag.createWriteStream(`/${name}`).on('finish', resolve).end(`of ${name}`))
    while (!isListed(name)) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await promisify(bag.finalize.bind(bag))()
  console.log(readFileSync('bag/manifest-sha256.txt', 'utf8').replaceAll(/^\w{56}/gm, '…').trimEnd())
  const seen = []
  for (const name of ['plain.txt', 'two words.txt']) {
    seen.push(await promisify(bag.readFile.bind(bag))(name).then(String, (error) => error.message))
    console.log(`${name}: ${seen.at(-1)}`)
  }
  process.exitCode = seen.join() === 'of plain.txt,File not found in manifest.' ? 0 : 1
}

function isListed(name) {
  try {
    return readFileSync('bag/manifest-sha256.txt', 'utf8').includes(`data/${name}\n`)
  } catch {
    return false
  }
}

run()
EOP
timeout 60 node bag.cjs
