import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Report, SUITES, toPage } from './table.ts'

// `npm run test:worlds`: fetches the other hosts of vouch, runs every suite of a host or a store, and writes
// what they results to docs/worlds.md.

const PACKAGES = ['bun@1.4.5', 'deno@2.9.6']
const PAGE = fileURLToPath(new URL('../../docs/worlds.md', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'vouch-worlds-'))

try {
  process.exitCode = main()
} finally {
  rmSync(scratch, { recursive: true })
}

function main(): number {
  const npm = ['install', '--prefix', scratch, '--no-audit', '--no-fund', '--ignore-scripts', ...PACKAGES]
  execFileSync('npm', npm, { stdio: ['ignore', 'ignore', 'inherit'] })
  const [bun, deno] = [findProgram('bun', 'bin/bun', /^@oven\/bun-/), findProgram('deno', 'deno', /^@deno\//)]
  const report = join(scratch, 'report.json')
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const env = { ...process.env, VOUCH_BUN: bun, VOUCH_DENO: deno }
  const { status } = spawnSync('npx', ['vitest', ...args, ...SUITES], { stdio: 'inherit', env })
  const read = JSON.parse(readFileSync(report, 'utf8')) as Report // vitest's own, in the shape of Jest's
  const versions = [bun, deno].map(
    (program) => execFileSync(program, ['--version'], { encoding: 'utf8' }).trim().split('\n')[0],
  )
  writeFileSync(PAGE, toPage(read, versions))
  return status ?? 1
}

/** The binary for this machine, which lies in a package of its own; the first that runs. */
function findProgram(name: string, path: string, packages: RegExp): string {
  const manifest = readFileSync(join(scratch, 'node_modules', name, 'package.json'), 'utf8')
  const { optionalDependencies = {} } = JSON.parse(manifest)
  for (const dependency of Object.keys(optionalDependencies).filter((one) => packages.test(one))) {
    const program = join(scratch, 'node_modules', dependency, path)
    if (spawnSync(program, ['--version']).status === 0) return realpathSync(program)
  }
  throw new Error(`no package of ${name} has a program for this machine`)
}
