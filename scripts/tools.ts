import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

// Installs what tests/package.json lists (browsers' driver, foreign clients and servers, lint, Node 22),
// unless it is there.

const LOCK = new URL('../tests/package-lock.json', import.meta.url)
const INSTALLED = new URL('../tests/node_modules/.package-lock.json', import.meta.url)

if (!isInstalled()) {
  console.error('installing the tools of tests/package.json')
  execFileSync('npm', ['ci', '--prefix', 'tests', '--no-audit', '--no-fund'], { stdio: 'inherit' })
}

/** Whether the installed packages match the lock file; packages for other systems are not installed. */
function isInstalled(): boolean {
  if (!existsSync(INSTALLED)) return false
  const wanted = readVersions(LOCK)
  return Object.entries(readVersions(INSTALLED)).every(([path, version]) => wanted[path] === version)
}

function readVersions(file: URL): Record<string, string> {
  const { packages } = JSON.parse(readFileSync(file, 'utf8'))
  return Object.fromEntries(
    Object.entries<{ version: string }>(packages).map(([path, { version }]) => [path, version]),
  )
}
