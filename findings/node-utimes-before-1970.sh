#!/usr/bin/env bash
# Node takes a negative number of seconds for the present, and a Date of the same time as it is.
#
# Version: Node 24.21.0 (the npm package node).
# Expected: the documentation says that a time may be a number of seconds since 1970, and that values which are no finite number
# become the present. A negative number is finite, so that it is a time before 1970.
# Seen: fs.utimes sets the present for it, without an error; a Date of the same time is set as it is. A program that restores
# times by numbers silently makes files from before 1970 new. Output:
#   number -14182940 present
#   Date   -14182940 1969-07-20T20:17:40.000Z
#
# Prints both; exits 1 if that is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --no-audit --no-fund node@24.21.0 >/dev/null 2>&1
cat > run.mjs <<'JS'
import { statSync, utimesSync, writeFileSync } from 'node:fs'
writeFileSync('f', '')
const toWords = (ms) => (Math.abs(ms - Date.now()) < 60_000 ? 'present' : new Date(ms).toISOString())
utimesSync('f', -14182940, -14182940)
console.log('number -14182940', toWords(statSync('f').mtimeMs))
utimesSync('f', new Date(-14182940000), new Date(-14182940000))
console.log('Date   -14182940', toWords(statSync('f').mtimeMs))
JS
seen=$(node_modules/.bin/node run.mjs)
echo "$seen"
test "$seen" = "number -14182940 present
Date   -14182940 1969-07-20T20:17:40.000Z"
