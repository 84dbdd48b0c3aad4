import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { settle, writeTrees } from './harness/files.ts'
import { runLoad } from './harness/load.ts'
import { type Server, type Workshop, watch, withWorkshop } from './harness/processes.ts'
import { type Measurement, once, type Ratio, report, runRounds } from './harness/runner.ts'
import { SMALL, SMALL_BYTES, startPair } from './harness/servers.ts'

const USAGE = `node bench/floors.ts [options]: measure vouch beside programs that do only what its promises need, in turns

  --rounds N        how often each is measured (11)
  --seconds N       whole seconds for which each server is loaded in a round; 0 leaves the reads out (2)
  --program PATH    the command (dist/command/vouch.js: npm run build)

Starts: one file of 1 KiB in two directories, each command in a new directory, its output to /dev/null. Needs bash, and rclone
for the comparison with it. Reads: compared reads of such a file with 32 connections, over a directory and a replica server.
Processor time is that of the process and its threads.
`
const WARM_MS = 2000
const PROGRAM = fileURLToPath(new URL('../dist/command/vouch.js', import.meta.url))
const [FLOOR_START, FLOOR_SERVER] = ['floors/start.cjs', 'floors/server.ts'].map((file) =>
  fileURLToPath(new URL(file, import.meta.url)),
) as [string, string]

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '11' },
    seconds: { type: 'string', default: '2' },
    program: { type: 'string', default: PROGRAM },
    help: { type: 'boolean', short: 'h' },
  },
})

const [WALL, CPU] = ['ms', 'CPU ms']
const READ_CPU = 'CPU s/1000|server'

const RATIOS: readonly Ratio[] = [
  { what: 'vouch get / node -e 0', of: 'vouch get', over: 'node -e 0', column: WALL, atMost: 2.2 },
  { what: 'floor of get / node -e 0', of: 'floor of get', over: 'node -e 0', column: WALL },
  { what: 'vouch help get / node -e 0', of: 'vouch help get', over: 'node -e 0', column: WALL },
  { what: 'CPU: vouch get / node -e 0', of: 'vouch get', over: 'node -e 0', column: CPU },
  { what: 'CPU: floor of get / node -e 0', of: 'floor of get', over: 'node -e 0', column: CPU },
  { what: 'CPU: vouch help get / node -e 0', of: 'vouch help get', over: 'node -e 0', column: CPU },
  { what: 'vouch check / rclone check', of: 'vouch check', over: 'rclone check', column: WALL, atMost: 1.5 },
  { what: 'floor of check / rclone check', of: 'floor of check', over: 'rclone check', column: WALL },
  { what: 'CPU: vouch check / rclone check', of: 'vouch check', over: 'rclone check', column: CPU },
  { what: 'CPU: floor of check / rclone check', of: 'floor of check', over: 'rclone check', column: CPU },
  {
    what: 'CPU a read: vouch / bare',
    of: 'vouch, a read',
    over: 'bare, a read',
    column: READ_CPU,
    atMost: 2,
  },
  { what: 'CPU a read: floor / bare', of: 'floor of a read', over: 'bare, a read', column: READ_CPU },
]

if (values.help) process.stdout.write(USAGE)
else if (!/^\d+$/.test(values.seconds)) {
  // wrk takes no fractions.
  console.error(`--seconds must be a whole number, not '${values.seconds}'`)
  process.exitCode = 2
} else process.exitCode = await withWorkshop(measure)

async function measure(workshop: Workshop): Promise<number> {
  const { scratch } = workshop
  const trees = ['a', 'b'].map((tree) => join(scratch, tree))
  writeTrees(trees, { files: 1, sizeOf: () => SMALL_BYTES })
  await settle()
  const starts = listStarts(scratch, trees)
  const reads = Number(values.seconds) === 0 ? [] : listReads(workshop, trees)
  const results = await runRounds([...starts, ...reads], { rounds: Number(values.rounds), warmMs: WARM_MS })
  const titles = { starts: starts.flatMap(({ rows }) => rows), reads: reads.flatMap(({ rows }) => rows) }
  return report(titles, RATIOS, results)
}

/** Commands that end, each run once a round. */
function listStarts(scratch: string, trees: readonly string[]): Measurement[] {
  const databases = join(scratch, 'databases')
  mkdirSync(databases)
  const replicas = trees.flatMap((tree) => ['--replica', `${tree.slice(-1)}=${tree}`])
  const floor = (command: string) => [process.execPath, FLOOR_START, command, SMALL, databases, ...trees]
  const vouch = (...args: string[]) => [process.execPath, values.program, ...args]
  const commands = {
    'node -e 0': [process.execPath, '-e', '0'],
    'floor of get': floor('get'),
    'vouch help get': vouch('help', 'get'),
    'vouch get': vouch('get', SMALL, ...replicas),
    'rclone check': ['rclone', 'check', ...trees],
    'floor of check': floor('check'),
    'vouch check': vouch('check', ...replicas),
  }
  return Object.entries(commands).map(([row, command]) => {
    const env = { ...process.env, XDG_CACHE_HOME: join(scratch, 'start-cache') }
    return {
      rows: [row],
      run: async () => ({ [row]: timeCommand(command, mkdtempSync(join(scratch, 'run-')), env) }),
    }
  })
}

/** What bash measures of a command that succeeds, in `cwd`. */
function timeCommand(command: readonly string[], cwd: string, env: NodeJS.ProcessEnv) {
  const script = 'TIMEFORMAT="%3R %3U %3S"; exec 3>&2 2>&1; time "$@" >/dev/null 2>&3'
  const stdout = execFileSync('bash', ['-c', script, 'bash', ...command], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
  })
  const [wall = Number.NaN, user = Number.NaN, system = Number.NaN] = stdout.split(' ').map(Number)
  return { [WALL]: 1000 * wall, [CPU]: 1000 * (user + system) }
}

/** Servers under load. */
function listReads(workshop: Workshop, trees: readonly string[]): Measurement[] {
  const cache = join(workshop.scratch, 'cache')
  const pair = once(async () => await startPair(workshop, trees, { program: values.program, cache }))
  const startFloor = async (kind: string) => {
    const [, replica] = await pair()
    const args = [FLOOR_SERVER, kind, trees[0] ?? '', replica?.url ?? '', SMALL]
    return await workshop.start(kind, process.execPath, args)
  }
  const servers: Readonly<Record<string, () => Promise<Server>>> = {
    'bare, a read': once(() => startFloor('bare')),
    'floor of a read': once(() => startFloor('compared')),
    'vouch, a read': async () => (await pair())[0],
  }
  return Object.entries(servers).map(([row, start]) => {
    const run = async () => {
      const server = { ...(await start()), name: 'server' }
      const load = { url: `${server.url}/files/${SMALL}`, connections: 32, seconds: Number(values.seconds) }
      return { [row]: await watch([server], 1000, () => runLoad({ ...load, agreement: 'unanimous' })) }
    }
    return { rows: [row], run }
  })
}
