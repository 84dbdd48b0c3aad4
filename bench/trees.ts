import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import os from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createProcesses, type Processes, type Running } from './processes.ts'
import { median, toSpread } from './statistics.ts'
import { createPair, type Pair, SHAPES } from './tree-files.ts'
import { type Peer, startPeers } from './tree-peers.ts'
import { readMemory } from './usage.ts'

const USAGE = `node bench/trees.ts [options]: measure vouch check on pairs of trees, beside what else compares trees, in turns

  --rounds N        how often each is measured (3)
  --only SET,...    of ${Object.keys(SHAPES).join(', ')} (all but million)

One tree is a directory of the command's, the other is behind a replica server on 127.0.0.1. Every file is read before
each run, so that all find the page cache warm. Prints Markdown. Takes 10 GiB of temporary space; a million files take 9.
`

const VOUCH = fileURLToPath(new URL('../dist/command/vouch.js', import.meta.url))
const SAMPLE_MS = 10

/** What one run of a program came to. */
interface Ran {
  readonly seconds: number
  /** Greatest resident memory of the program itself. */
  readonly peakMiB: number
  readonly output: string
}

interface Place {
  readonly pair: Pair
  readonly scratch: string
  readonly processes: Processes
}

await main()

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      only: { type: 'string', default: 'small,big,tiny' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) return void process.stdout.write(USAGE)
  for (const set of values.only.split(',')) {
    const shape = SHAPES[set]
    if (shape === undefined) throw new Error(`--only takes ${Object.keys(SHAPES).join(', ')}, got '${set}'`)
    const scratch = mkdtempSync(join(os.tmpdir(), 'vouch-bench-'))
    const processes = createProcesses(join(scratch, 'logs'))
    try {
      say(`${set}: making ${shape.files} files twice`)
      const place = { pair: createPair(scratch, shape), scratch, processes }
      await (set === 'million' ? measureMemory(place) : measureSet(set, place, Number(values.rounds)))
    } finally {
      await processes.stopAll()
      rmSync(scratch, { recursive: true, force: true })
    }
  }
}

async function measureSet(set: string, place: Place, rounds: number): Promise<void> {
  const { pair, scratch, processes } = place
  const peers = await startPeers(pair, scratch, processes)
  const times = new Map<string, number[]>()
  const peaks = new Map<string, number>()
  const note = (name: string, { seconds, peakMiB }: Ran) => {
    times.set(name, [...(times.get(name) ?? []), seconds])
    peaks.set(name, Math.max(peaks.get(name) ?? 0, peakMiB))
    say(`${set}: ${name}: ${seconds.toFixed(2)} s`)
  }
  let traffic: Traffic = { differing: 0, alike: 0 }
  // The first round warms what there is to be warmed, and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const { name, command } of peers) {
      const ran = await runWarm(pair, 'bash', ['-c', command])
      if (round > 0) note(name, ran)
    }
    const { cold, again, server } = await measureVouch(place, async (url) => {
      if (round === rounds) traffic = await measureTraffic(place, url)
    })
    if (round > 0) note('vouch check, cold', cold)
    if (round > 0) note('vouch check, again', again)
    if (round > 0) peaks.set('replica server', server)
    await requireMarks(pair, cold.output)
  }
  print(set, place, { times, peaks, traffic, peers })
}

interface Measured {
  readonly cold: Ran
  readonly again: Ran
  /** Greatest resident memory of the replica server, MiB. */
  readonly server: number
}

/** A check with no index on either side, and with both; then whatever else is to be done with the server. */
async function measureVouch(
  { pair, scratch, processes }: Place,
  more: (url: string) => Promise<void>,
): Promise<Measured> {
  const index = join(scratch, 'index')
  rmSync(index, { recursive: true, force: true })
  await warm(pair)
  const server = await startReplica(pair.b, join(index, 'b'), processes)
  const check = toCheck(scratch, pair.a, server.url)
  try {
    const cold = await run(process.execPath, check)
    const again = await runWarm(pair, process.execPath, check)
    await more(server.url)
    return { cold, again, server: readMemory(server.pid, 'VmHWM') }
  } finally {
    await server.stop()
  }
}

function toCheck(scratch: string, tree: string, url: string): string[] {
  const replicas = ['--replica', `a=${tree}`, '--replica', `b=${url}`]
  return [VOUCH, 'check', '--index', join(scratch, 'index', 'a'), ...replicas]
}

/** Bytes on the wire, there and back, of a run with nothing changed. */
interface Traffic {
  /** Of the pair. */
  readonly differing: number
  /** Of a tree and itself. */
  readonly alike: number
}

async function measureTraffic({ pair, scratch }: Place, url: string): Promise<Traffic> {
  const count = async (tree: string) => {
    const proxy = await startProxy(url)
    await run(process.execPath, toCheck(scratch, tree, proxy.url))
    return await proxy.stop()
  }
  return { differing: await count(pair.a), alike: await count(pair.b) }
}

async function startReplica(directory: string, index: string, processes: Processes): Promise<Running> {
  const args = [VOUCH, 'replica', directory, '--port', '0', '--index', index]
  return await processes.start('replica', process.execPath, args, { busy: true })
}

/** Two replica servers, a coordinator that only compares, and a client of it, on a million files. */
async function measureMemory({ pair, scratch, processes }: Place): Promise<void> {
  const replicas = await Promise.all(
    [pair.a, pair.b].map((tree, i) => startReplica(tree, join(scratch, `index-${i}`), processes)),
  )
  const words = replicas.flatMap(({ url }, i) => ['--replica', `server${i + 1}=${url}`])
  const args = [VOUCH, 'coordinator', ...words, '--port', '0']
  const coordinator = await processes.start('coordinator', process.execPath, args)
  for (const row of ['cold', 'again']) {
    const client = await run(process.execPath, [VOUCH, 'check', '--coordinator', coordinator.url])
    const peaks = [...replicas, coordinator].map(
      ({ name, pid }) => `${name} ${toMiB(readMemory(pid, 'VmHWM'))}`,
    )
    process.stdout.write(
      `\n## a million files, ${row}: ${client.seconds.toFixed(1)} s, ${client.output.trim().split('\n').length} names; peaks: client ${toMiB(client.peakMiB)}, ${peaks.join(', ')}\n`,
    )
  }
}

function toKiB(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`
}

function toMiB(mib: number): string {
  return `${mib.toFixed(0)} MiB`
}

/** Reads every file of both trees. */
async function warm({ a, b }: Pair): Promise<void> {
  await run('bash', ['-c', `find ${a} ${b} -type f -print0 | xargs -0 -P2 -n 500 cat > /dev/null`])
}

async function runWarm(pair: Pair, program: string, args: readonly string[]): Promise<Ran> {
  await warm(pair)
  return await run(program, args)
}

/** Runs a program to its end, whatever its exit status. */
async function run(program: string, args: readonly string[]): Promise<Ran> {
  const start = performance.now()
  const child = spawn(program, [...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  let peakMiB = 0
  const timer = setInterval(() => {
    if (child.pid !== undefined) peakMiB = Math.max(peakMiB, tryReadPeak(child.pid))
  }, SAMPLE_MS)
  const closed = once(child, 'close')
  const output = await text(child.stdout)
  await closed
  clearInterval(timer)
  return { seconds: (performance.now() - start) / 1000, peakMiB, output }
}

function tryReadPeak(pid: number): number {
  try {
    return readMemory(pid, 'VmHWM') || 0
  } catch {
    return 0
  }
}

/** Passes connections on to `url`; `stop` resolves with the bytes that went there and back. */
async function startProxy(url: string) {
  const target = Number(new URL(url).port)
  let bytes = 0
  const server = createServer((socket) => {
    const upstream = connect(target, '127.0.0.1')
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      from.on('data', (chunk) => {
        bytes += chunk.length
      })
      from.on('error', () => to.destroy())
      from.pipe(to)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // of a server on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    async stop(): Promise<number> {
      server.close()
      return bytes
    },
  }
}

/** Throws unless the marks are those of rclone, line for line; passes where there is no rclone. */
async function requireMarks({ a, b }: Pair, output: string): Promise<void> {
  const { output: combined } = await run('bash', ['-c', `rclone check ${a} ${b} -q --combined - 2>/dev/null`])
  if (combined === '') return say('no rclone to compare marks with')
  const lines = (text: string) =>
    text
      .split('\n')
      .filter((line) => !/^(=|$)/.test(line))
      .sort()
  if (lines(combined).join('\n') !== lines(output).join('\n')) {
    throw new Error(`other marks than rclone's:\n${combined}\n${output}`)
  }
}

interface Results {
  readonly times: ReadonlyMap<string, readonly number[]>
  readonly peaks: ReadonlyMap<string, number>
  readonly traffic: Traffic
  readonly peers: readonly Peer[]
}

function print(set: string, { pair }: Place, { times, peaks, traffic, peers }: Results): void {
  const { files, bytes } = pair
  const rows = [...times].map(([name, seconds]) => {
    const spread = toSpread(seconds)
    const range = spread
      ? `${spread.median.toFixed(2)} (${spread.min.toFixed(2)}-${spread.max.toFixed(2)})`
      : ''
    const ratios = ['cold', 'again'].map((kind) => toRatio(seconds, times.get(`vouch check, ${kind}`) ?? []))
    return `| ${name} | ${range} | ${toMiB(peaks.get(name) ?? 0)} | ${ratios.join(' | ')} |`
  })
  const head = `\n## ${set}: ${files.toLocaleString('en')} files, ${(bytes / 2 ** 20).toFixed(0)} MiB a tree\n
| command | seconds, median (min-max) | peak | its time / vouch cold | / vouch again |
| --- | --- | --- | --- | --- |`
  const foot = `\nOn the wire with nothing changed: ${toKiB(traffic.differing)}; of a tree and itself ${toKiB(traffic.alike)}. Peak of the replica server: ${toMiB(peaks.get('replica server') ?? 0)}. ${peers.length} peers; marks as rclone's.`
  process.stdout.write(`${[head, ...rows].join('\n')}\n${foot}\n`)
}

/** Round by round, so that what slows the machine slows both. */
function toRatio(theirs: readonly number[], ours: readonly number[]): string {
  return median(theirs.map((seconds, i) => seconds / (ours[i] ?? Number.NaN))).toFixed(2)
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
