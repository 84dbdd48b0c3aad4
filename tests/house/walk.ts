import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'

// Which files of functions/ and runtime/ one compared read, one audit and one apply enter, by V8's own count
// of calls in a coordinator over a directory and over a replica server, and how often its main thread returns
// to a file that it has left: `node tests/house/walk.ts [CHECKOUT] [--files]`.

const args = process.argv.slice(2)
const root = resolve(args.find((arg) => !arg.startsWith('--')) ?? '.')

/**
 * How often the operation is done, in the run that is subtracted and in the run that it is subtracted from.
 */
const [FEW, MANY] = [1, 3]

const HOOK = new URL('./returns-hook.ts', import.meta.url).href

const OPERATIONS = { read, audit, apply }

for (const [name, operation] of Object.entries(OPERATIONS)) {
  // Timers call functions too: only what two pairs of runs agree on counts.
  const [first, second] = [await findEntered(operation), await findEntered(operation)]
  const entered = [...first].filter((call) => second.has(call))
  const files = [...new Set(entered.map((call) => call.replace(/#.*/, '')))].sort()
  const returns = [await countReturns(operation), await countReturns(operation)]
  const entries = `${files.length} files, ${entered.length} functions`
  console.log(`${name}: ${entries}, ${Math.min(...returns)} returns to a file left before`)
  if (args.includes('--files')) for (const file of files) console.log(`  ${file}`)
}

type Ask = (path: string, init?: RequestInit) => Promise<string>

async function read(ask: Ask, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await ask('/files/same')
}

async function audit(ask: Ask, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await ask('/audit')
}

async function apply(ask: Ask, times: number): Promise<void> {
  const plans: string[] = []
  for (let i = 0; i < MANY; i++) {
    plans.push(
      await ask('/plan', toPost(JSON.stringify({ prefix: `only${i}`, match: [], exclude: [], rules: [] }))),
    )
  }
  // What an earlier call has applied needs no step.
  const open = plans.filter((plan) => plan.includes('"to"'))
  for (const plan of open.slice(0, times)) await ask('/apply', toPost(plan))
}

function toPost(body: string): RequestInit {
  return { method: 'POST', headers: { 'Content-Type': 'application/json' }, body }
}

/** The functions that an operation calls each time it is done, as `file#function@offset`. */
async function findEntered(operation: (ask: Ask, times: number) => Promise<void>): Promise<Set<string>> {
  const [few, many] = [await count(operation, FEW), await count(operation, MANY)]
  return new Set([...many].flatMap(([call, n]) => (n - (few.get(call) ?? 0) >= MANY - FEW ? call : [])))
}

async function count(operation: (ask: Ask, times: number) => Promise<void>, times: number) {
  return await withServers([], async ({ ask, cwd, endAll }) => {
    await operation(ask, times)
    await endAll()
    return readCounts(join(cwd, 'coverage'))
  })
}

/** How often the coordinator's main thread enters a file that it has left before, in one operation. */
async function countReturns(operation: (ask: Ask, times: number) => Promise<void>): Promise<number> {
  return await withServers(['--import', HOOK], async ({ ask, cwd, coordinator }) => {
    const path = join(cwd, 'entered.json')
    const dump = async (): Promise<string[]> => {
      rmSync(path, { force: true })
      coordinator.kill('SIGUSR2')
      while (!existsSync(path)) await setTimeout(50)
      await setTimeout(200)
      return JSON.parse(readFileSync(path, 'utf8'))
    }
    await operation(ask, 1)
    await dump()
    await operation(ask, 1)
    const entered = await dump()
    const moves = entered.filter((file, i) => file !== entered[i - 1])
    return moves.length - new Set(moves).size
  })
}

interface Walked {
  readonly ask: Ask
  readonly cwd: string
  readonly coordinator: ChildProcess
  endAll(): Promise<void>
}

/** Calls `work` with a coordinator over a directory and over a replica server, both warm, and ends them. */
async function withServers<T>(flags: readonly string[], work: (walked: Walked) => Promise<T>): Promise<T> {
  const cwd = mkdtempSync(join(tmpdir(), 'vouch-walk-'))
  const children: ChildProcess[] = []
  try {
    for (const id of ['a', 'b']) {
      mkdirSync(join(cwd, id))
      writeFileSync(join(cwd, id, 'same'), 'the same\n')
    }
    for (let i = 0; i < MANY; i++) writeFileSync(join(cwd, 'a', `only${i}`), `only here, ${i}\n`)
    const { url: replica } = await start(children, cwd, ['replica', 'b'], [])
    const args = ['coordinator', '--replica', 'a=a', '--replica', `b=${replica}`]
    const { url, child: coordinator } = await start(children, cwd, args, flags)
    const ask: Ask = async (path, init) => {
      const response = await fetch(url + path, init)
      if (!response.ok) throw new Error(`${path} was answered ${response.status}: ${await response.text()}`)
      return await response.text()
    }
    // A digest is remembered once the file has not changed for a while.
    await setTimeout(3000)
    await read(ask, 2)
    await audit(ask, 2)
    const endAll = async () => {
      for (const child of children.toReversed()) await end(child)
    }
    return await work({ ask, cwd, coordinator, endAll })
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(cwd, { recursive: true, force: true })
  }
}

async function start(
  children: ChildProcess[],
  cwd: string,
  command: readonly string[],
  flags: readonly string[],
) {
  const coverage = flags.length > 0 ? {} : { NODE_V8_COVERAGE: join(cwd, 'coverage') }
  const hook = { VOUCH_ROOT: root, VOUCH_RETURNS: join(cwd, 'entered.json') }
  const env = { ...process.env, ...coverage, ...hook, XDG_CACHE_HOME: join(cwd, 'cache') }
  const script = join(root, 'runtime/cli/vouch.ts')
  const options = ['--port', '0', '--writable', '--open']
  const child = spawn(process.execPath, [...flags, script, ...command, ...options], {
    ...{ cwd, env },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  children.push(child)
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0]
    child.stdout.resume()
    if (url !== undefined) return { url, child }
  }
  throw new Error(`vouch ${command.join(' ')} ended before it listened`)
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

/** How often each function was called, in all processes and threads. */
function readCounts(directory: string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const file of readdirSync(directory)) {
    const { result } = JSON.parse(readFileSync(join(directory, file), 'utf8'))
    for (const { url, functions } of result) {
      const path = String(url).replace(`file://${root}/`, '')
      if (!/^(functions|runtime)\//.test(path)) continue
      for (const { functionName, ranges } of functions) {
        const [{ startOffset, count }] = ranges
        // What stands outside all functions runs when the file is loaded.
        if (startOffset === 0) continue
        const call = `${path}#${functionName}@${startOffset}`
        counts.set(call, (counts.get(call) ?? 0) + count)
      }
    }
  }
  return counts
}
