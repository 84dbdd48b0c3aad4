import { type ChildProcess, spawn } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

// Shows which bytes `vouch verify --portion 8%` reads, as strace counts them: `npm run show:verify -- --kills
// 10`. Thirteen runs over three directories must read each file once. With kills, the first runs end at
// random moments by SIGKILL.

const VOUCH = fileURLToPath(new URL('../dist/command/vouch.js', import.meta.url))
const RUNS = 13
/** About what strace writes for each file that is read. */
const LINE_BYTES = 100
const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '20000' },
    size: { type: 'string', default: '50000' },
    kills: { type: 'string', default: '0' },
  },
})
const [files, size, kills] = [values.files, values.size, values.kills].map(Number) as [number, number, number] // three for three
const ids = ['a', 'b', 'c']
const stage = realpathSync(mkdtempSync(join(tmpdir(), 'vouch-')))
const trace = join(stage, 'trace')

try {
  makeTrees()
  const read = new Map<string, number>()
  let [runs, killed] = [0, 0]
  for (let isWhole = false; !isWhole && runs < 3 * RUNS + kills; runs++) {
    const { said, isKilled } = await verify(killed < kills)
    if (isKilled) killed++
    const bytes = await addReads(read)
    isWhole = said.includes('every byte')
    const percent = ((100 * bytes) / (ids.length * files * size)).toFixed(1)
    console.log(
      `run ${runs + 1}: ${percent} % read${isKilled ? ', killed' : ''}; ${said.trim().split('\n').at(-1)}`,
    )
  }
  tell(read, runs, killed)
} finally {
  rmSync(stage, { recursive: true, force: true, maxRetries: 5 })
}

function makeTrees(): void {
  const content = Buffer.allocUnsafe(size)
  for (let i = 0; i < files; i++) {
    randomFillSync(content)
    const folder = `${Math.floor(i / 500)}`
    for (const id of ids) {
      mkdirSync(join(stage, id, folder), { recursive: true })
      writeFileSync(join(stage, id, folder, `${i}`), content)
    }
  }
}

/** One run under strace, which is ended early at a random moment if `isToBeKilled`. */
async function verify(isToBeKilled: boolean): Promise<{ said: string; isKilled: boolean }> {
  const replicas = ids.flatMap((id) => ['--replica', `${id}=${join(stage, id)}`])
  const strace = ['-f', '-qq', '-y', '-s', '0', '-e', 'trace=read,pread64,readv,preadv', '-o', trace]
  const vouch = [process.execPath, VOUCH, 'verify', '--portion', '8%', ...replicas]
  const env = { ...process.env, XDG_CACHE_HOME: join(stage, 'cache'), NO_COLOR: '1' }
  rmSync(trace, { force: true })
  const child = spawn('strace', [...strace, ...vouch], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = once(child, 'close')
  if (isToBeKilled) await Promise.race([ended, killWhileItReads(child)])
  await ended
  return { said, isKilled: child.signalCode !== null }
}

/** Ends strace and what it traces, once a random part of what one run reads is in the trace. */
async function killWhileItReads(child: ChildProcess): Promise<void> {
  const lines = 0.08 * ids.length * files * Math.random()
  while ((statSync(trace, { throwIfNoEntry: false })?.size ?? 0) < LINE_BYTES * lines) await setTimeout(5)
  kill(child)
}

function kill({ pid, exitCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null) process.kill(-pid, 'SIGKILL')
}

/** Adds what a run read of each file, by its path; returns the bytes of all. */
async function addReads(read: Map<string, number>): Promise<number> {
  let all = 0
  const begun = new Map<string, string>()
  for await (const line of createInterface({ input: createReadStream(trace) })) {
    const [thread = ''] = line.split(' ', 1)
    const path = /\(\d+<([^>]*)>/.exec(line)?.[1]
    if (line.endsWith('<unfinished ...>')) {
      begun.set(thread, path ?? '')
      continue
    }
    const bytes = Number(/ = (\d+)$/.exec(line)?.[1] ?? 0)
    const from = path ?? begun.get(thread) ?? ''
    if (!ids.some((id) => from.startsWith(join(stage, id, '/')))) continue
    all += bytes
    read.set(from, (read.get(from) ?? 0) + bytes)
  }
  return all
}

function tell(read: ReadonlyMap<string, number>, runs: number, killed: number): void {
  const counts = [...read.values()]
  const count = (test: (bytes: number) => boolean) => counts.filter(test).length
  const whole = count((bytes) => bytes === size)
  const all = ids.length * files
  console.log(
    `${runs} runs, ${killed} of them killed: of ${all} files ${whole} were read once, ` +
      `${count((bytes) => bytes > size)} in part again, ${all - count((bytes) => bytes >= size)} not whole`,
  )
  const bytes = counts.reduce((a, b) => a + b, 0)
  console.log(`${bytes} bytes read of ${all * size}: ${(bytes / (all * size)).toFixed(4)} times`)
  process.exitCode = whole + count((bytes) => bytes > size) === all ? 0 : 1
}
