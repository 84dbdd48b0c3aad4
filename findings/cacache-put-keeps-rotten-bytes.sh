#!/usr/bin/env bash
# cacache, the content-addressed store under npm's cache, does not repair a rotten file when the right bytes
# are put again, and get.copy copies the rotten ones.
#
# Version: cacache 20.0.4 on Node 20 or later.
# Expected: it "will never give you corrupted data, even if cache files get corrupted or manipulated"
# (README), so reading rotten bytes fails; and after a put of the right bytes they can be read.
# Seen: get and get.byDigest fail with EINTEGRITY. get.copy and get.copy.byDigest, which are exported and not
# in the README, give the rotten bytes and the digest of the right ones. put finds that there is a file for
# the digest, throws the bytes that it was given away, and reports success; a get fails as before, under
# another key too. verify helps, and drops both keys.
#
# Prints what each call gives; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" cacache@20.0.4 >/dev/null 2>&1
cat >use.mjs <<'EOP'
import { readFileSync, writeFileSync } from 'node:fs'
import cacache from 'cacache'

const digest = await cacache.put('cache', 'key', 'right')
const { path } = await cacache.get.info('cache', 'key')
async function show(title, call) {
  try {
    console.log(`${title}: ${await call()}`)
  } catch (error) {
    console.log(`${title}: ${error.code}`)
  }
}
const get = async (key) => (await cacache.get('cache', key)).data
const copy = async (call, key) => {
  const { integrity } = await call('cache', key, 'copy')
  const said = integrity ?? key
  return `${readFileSync('copy')}, digest of the right ones: ${String(said) === String(digest)}`
}
const put = async (key) => `digest of the right ones: ${String(await cacache.put('cache', key, 'right')) === String(digest)}`

await show('get', () => get('key'))
writeFileSync(path, 'wrong')
await show('rotten, get', () => get('key'))
await show('rotten, get.byDigest', () => cacache.get.byDigest('cache', digest))
await show('rotten, get.copy', () => copy(cacache.get.copy, 'key'))
await show('rotten, get.copy.byDigest', () => copy(cacache.get.copy.byDigest, digest))
await show('put of the right bytes', () => put('another'))
await show('then get', () => get('another'))
await show('put by the same key', () => put('key'))
await show('then get', () => get('key'))
console.log(`the file: ${readFileSync(path)}`)
await show('verify', async () => `${(await cacache.verify('cache')).totalEntries} keys are left`)
await cacache.put('cache', 'key', 'right')
await show('after verify and put, get', () => get('key'))
EOP
node --no-warnings use.mjs >seen
cat seen
diff - seen <<'EOF'
get: right
rotten, get: EINTEGRITY
rotten, get.byDigest: EINTEGRITY
rotten, get.copy: wrong, digest of the right ones: true
rotten, get.copy.byDigest: wrong, digest of the right ones: true
put of the right bytes: digest of the right ones: true
then get: EINTEGRITY
put by the same key: digest of the right ones: true
then get: EINTEGRITY
the file: wrong
verify: 0 keys are left
after verify and put, get: right
EOF
