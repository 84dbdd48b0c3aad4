#!/usr/bin/env bash
# The SHA-256 of @aws-crypto/sha256-js and of hash.js is wrong for 512 MiB and more.
#
# Versions: @aws-crypto/sha256-js 5.2.0 and hash.js 1.1.7 on Node 20 or later, with fast-sha256 1.3.0 beside
# them, which is JavaScript too.
# Expected: SHA-256, as that of Node's node:crypto, or an error. The first allows 2^53 - 1 bits and throws
# beyond.
# Seen: both are right up to 512 MiB less one byte. From 512 MiB (2^32 bits) on they give another sum, always
# the same one for the same bytes: one writes the high half of the length in the wrong byte order, the other
# leaves it out. Two programs that both use one of them agree; a server that verifies, or sha256sum, does not.
#
# Hashes zeros, for about a minute. Prints the sums' first digits; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @aws-crypto/sha256-js@5.2.0 hash.js@1.1.7 \
  fast-sha256@1.3.0 >/dev/null 2>&1
cat >hash.mjs <<'EOP'
import { createHash } from 'node:crypto'
import awsCrypto from '@aws-crypto/sha256-js'
import fastSha256 from 'fast-sha256'
import hashJs from 'hash.js'

const PART = 1024 // hash.js needs a time for a part that grows with the square of its length
const zeros = new Uint8Array(PART)
for (const size of [512 * 2 ** 20 - 1, 512 * 2 ** 20]) {
  const hashes = {
    'node:crypto': createHash('sha256'),
    'fast-sha256': new fastSha256.Hash(),
    '@aws-crypto/sha256-js': new awsCrypto.Sha256(),
    'hash.js': hashJs.sha256(),
  }
  const digits = []
  for (const [name, hash] of Object.entries(hashes)) {
    for (let left = size; left > 0; left -= PART) hash.update(left < PART ? zeros.subarray(0, left) : zeros)
    digits.push(`${name} ${Buffer.from(await hash.digest()).toString('hex').slice(0, 12)}`)
  }
  console.log(`${size} bytes: ${digits.join(', ')}`)
}
EOP
node --no-warnings hash.mjs >seen
cat seen
diff - seen <<'EOF'
536870911 bytes: node:crypto bf7f45d9df69, fast-sha256 bf7f45d9df69, @aws-crypto/sha256-js bf7f45d9df69, hash.js bf7f45d9df69
536870912 bytes: node:crypto 9acca8e8c222, fast-sha256 9acca8e8c222, @aws-crypto/sha256-js 9ad6525c82a8, hash.js 754b83b4865f
EOF
