#!/usr/bin/env bash
# A Blob of Node for a file gives the bytes of another file, when the two times have the same fraction of a
# second.
#
# Version: Node 24.21.0 (the npm package node).
# Expected: the documentation of fs.openAsBlob says that the file must not be modified, and that reads of the
# Blob fail if it was.
# Seen: of the time only the nanoseconds within the second are compared, and the size. Where times are whole
# seconds, as those of files from tar, git archive, `touch -d` or a file system with coarse times are, the
# fraction is always 0: another file of the same size, years younger, is read through the old Blob without an
# error. A time with another fraction is noticed.
#
# Prints what each Blob gave; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" node@24.21.0 >/dev/null 2>&1
cat >run.mjs <<'EOP'
import { execFileSync } from 'node:child_process'
import { openAsBlob, renameSync, writeFileSync } from 'node:fs'

function write(path, content, time) {
  writeFileSync(path, content)
  execFileSync('touch', ['-d', time, path])
}
for (const time of ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.5Z']) {
  write('file', 'old bytes', '2020-01-01T00:00:00Z')
  const blob = await openAsBlob('file')
  write('new', 'new bytes', time)
  renameSync('new', 'file')
  const seen = await blob.text().catch(({ name }) => name)
  console.log(`file of 2020-01-01T00:00:00Z replaced by one of ${time}: ${seen}`)
}
EOP
seen=$(node_modules/.bin/node --no-warnings run.mjs)
echo "$seen"
[ "$seen" = 'file of 2020-01-01T00:00:00Z replaced by one of 2026-01-01T00:00:00Z: new bytes
file of 2020-01-01T00:00:00Z replaced by one of 2026-01-01T00:00:00.5Z: NotReadableError' ]
