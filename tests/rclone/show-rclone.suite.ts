import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../../runtime/cli/run.ts'
import { openRcloneStorage } from '../../runtime/node/rclone/open-rclone.ts'
import { configure, startRemotes, toAddresses, writeTrees } from './remotes.suite.ts'

// Shows what `check` finds over each remote of rclone, beside `rclone check`, and the memory for a large
// directory: `npm run show:rclone -- [FILES] [NAMES] [REMOTE…]`, by default 5,000 and 50,000, over each.

const SELF = fileURLToPath(import.meta.url)
const [first = '5000', second = '50000', ...rest] = process.argv.slice(2)

if (first === 'check') await checkHere([second, ...rest])
else if (first === 'list') await listHere(second)
else await show(Number(first), Number(second), rest)

/** In a process of its own: runs `check` with these arguments, and reports its memory on standard error. */
async function checkHere(args: readonly string[]): Promise<void> {
  const { stdin, stdout, stderr, env } = process
  process.exitCode = await run(['check', ...args], { stdin, stdout, stderr, env, cwd: process.cwd() })
  reportMemory()
}

/** The same, for listing a directory. */
async function listHere(path: string): Promise<void> {
  const options = { env: process.env, indexPath: null, onNotice: () => {} }
  const { storage, close } = await openRcloneStorage({ remote: 'local', path }, options)
  let count = 0
  for (let after: string | null = ''; after !== null; ) {
    const page: Awaited<ReturnType<typeof storage.list>> = await storage.list({ after })
    count += page.entries.length
    after = page.next
  }
  await close()
  console.log(count)
  reportMemory()
}

function reportMemory(): void {
  console.error(`memory: ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`)
}

async function show(files: number, names: number, wanted: readonly string[]): Promise<void> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'vouch-')))
  try {
    await showListing(directory, names)
    await showRemotes(directory, files, wanted)
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function showRemotes(directory: string, files: number, wanted: readonly string[]): Promise<void> {
  const { here, there, lines } = writeTrees(directory, files)
  const remotes = await startRemotes(directory, there)
  try {
    for (const address of toAddresses(there)) {
      if (wanted.length > 0 && !wanted.includes(toTitle(address))) continue
      const index = join(directory, 'index', address.replace(/:.*/, ''))
      const replicas = ['--replica', `here=${here}`, '--replica', `there=rclone:${address}`, '--index', index]
      const begun = performance.now()
      const { stdout, stderr, code } = await start(
        process.execPath,
        [SELF, 'check', ...replicas],
        remotes.env,
      )
      const marks = toLines(stdout)
      const isRight = marks.length === lines.length && marks.every((line, i) => line === lines[i])
      // A remote that was left out is no wrong answer, if `check` says so.
      const result = isRight ? 'right' : code === 2 ? `trouble: ${stderr.trim()}` : 'WRONG'
      const memory = /memory: (.*)/.exec(stderr)?.[1]
      console.log(
        `${toTitle(address)} check: ${marks.length} differences, ${result}; exit ${code}; ${toSeconds(begun)}, ${memory}`,
      )
      const otherBegun = performance.now()
      const other = await start('rclone', ['check', here, address, '--combined', '-'], remotes.env)
      const found = toLines(other.stdout).filter((line) => !line.startsWith('='))
      const missed = lines.filter((line) => !found.includes(line)).length
      console.log(
        `${toTitle(address)} rclone check: ${found.length} differences, ${missed} not found; ${toSeconds(otherBegun)}`,
      )
    }
  } finally {
    await remotes.stop()
  }
}

async function showListing(directory: string, names: number): Promise<void> {
  const path = join(directory, 'large')
  mkdirSync(path)
  for (let i = 0; i < names; i++) writeFileSync(join(path, `a name of usual length ${i}.txt`), '')
  const env = configure(directory, { local: { type: 'local' } })
  const begun = performance.now()
  const { stdout, stderr } = await start(process.execPath, [SELF, 'list', path], env)
  console.log(`${stdout.trim()} names of one directory listed; ${toSeconds(begun)}, ${stderr.trim()}`)
}

async function start(program: string, args: readonly string[], env: Record<string, string | undefined>) {
  return await new Promise<{
    readonly stdout: string
    readonly stderr: string
    readonly code: string | number | null | undefined
  }>((resolve) => {
    execFile(program, args, { env, maxBuffer: 2 ** 30 }, (error, stdout, stderr) =>
      resolve({ stdout, stderr, code: error === null ? 0 : error.code }),
    )
  })
}

function toLines(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .sort()
}

function toTitle(address: string): string {
  return address.replace(/:.*/, '')
}

function toSeconds(begun: number): string {
  return `${((performance.now() - begun) / 1000).toFixed(1)} s`
}
