#!/usr/bin/env bash
# chokidar reports nothing when rsync or tar bring another file, of another size, with the same modification
# time.
#
# Versions: chokidar 5.0.0 and 3.6.0, on Node 20 or later; Debian 12's rsync 3.5.0.
# Expected: the kernel tells of the change, and chokidar hands it on; where it polls, size and inode tell.
# Seen: it reports a change only when the modification time is another, or the time of access is not after
# it. What rsync and tar have just brought was accessed now, and modified when it was where it came from. So
# after a build with SOURCE_DATE_EPOCH, or from a package of npm, where all files are of 1985, `rsync -a`
# replaces a file by one of another size and inode, and who keeps digests up to date by chokidar keeps the
# old one. The same with usePolling, and with atomic and alwaysStat. What `cp -p` brings is reported, as it
# puts the time of access back too, and so is a file that is a second younger.
#
# Prints the events; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download rsync=3.5.0+ds1-0+deb12u1 libpopt0=1.19+dfsg-1 libxxhash0=0.8.1-1
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH="$(echo "$folder"/root/usr/lib/*-linux-gnu)"
npm install --silent --no-audit --no-fund --prefix "$folder" chokidar@5.0.0 chokidar3@npm:chokidar@3.6.0 \
  >/dev/null 2>&1
cat >watch.mjs <<'EOP'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import chokidar from 'chokidar'
import chokidar3 from 'chokidar3'

const names = ['by-rsync', 'by-cp', 'by-tar', 'by-time']
function build(path, content) {
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path)
  for (const name of names) {
    writeFileSync(`${path}/${name}`, content)
    utimesSync(`${path}/${name}`, 499162500, 499162500)
  }
}
async function watch(watcher, options) {
  build('old', 'old\n')
  build('new', 'a new content\n')
  utimesSync('new/by-time', 499162501, 499162501)
  const events = []
  const seen = watcher.watch('old', { ignoreInitial: true, ...options })
  seen.on('all', (event, path) => events.push(`${event} ${path}`))
  await once(seen, 'ready')
  await wait(500)
  execFileSync('root/usr/bin/rsync', ['-a', 'new/by-rsync', 'new/by-time', 'old/'])
  execFileSync('cp', ['-p', 'new/by-cp', 'old/'])
  execFileSync('sh', ['-c', 'tar -C new -c by-tar | tar -C old -x'])
  await wait(1500)
  await seen.close()
  const brought = readdirSync('old').filter((name) => readFileSync(`old/${name}`, 'utf8') === 'a new content\n')
  return `${brought.length} replaced, reported: ${events.sort().join(', ')}`
}
console.log('chokidar 5:', await watch(chokidar, {}))
console.log('chokidar 5, polling:', await watch(chokidar, { usePolling: true, interval: 50 }))
console.log('chokidar 5, atomic:', await watch(chokidar, { atomic: true, alwaysStat: true }))
console.log('chokidar 3:', await watch(chokidar3, {}))
EOP
node --no-warnings watch.mjs >seen
cat seen
diff - seen <<'EOF'
chokidar 5: 4 replaced, reported: change old/by-cp, change old/by-time
chokidar 5, polling: 4 replaced, reported: change old/by-cp, change old/by-time
chokidar 5, atomic: 4 replaced, reported: change old/by-cp, change old/by-time
chokidar 3: 4 replaced, reported: change old/by-cp, change old/by-time
EOF
