import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createPair, type Pair, SHAPES } from './harness/files.ts'
import {
  execute,
  findFreePort,
  readMemory,
  readVersion,
  type Workshop,
  withWorkshop,
} from './harness/processes.ts'
import { type Figures, type Measurement, report, runRounds, say } from './harness/runner.ts'
import { startCoordinator, startReplica } from './harness/servers.ts'

const USAGE = `node bench/trees.ts [options]: measure vouch check on pairs of trees, beside other programs that compare trees

  --rounds N        how often each is measured (3)
  --only SET,...    of ${Object.keys(SHAPES).join(', ')} (small, big, tiny)

One tree is a directory of the command's, the other is behind a replica server on 127.0.0.1. Every file is read before each
run, so that every program finds the page cache warm. Prints Markdown. Requires 10 GiB of temporary space.
`
const PROGRAM = fileURLToPath(new URL('../dist/command/vouch.js', import.meta.url))
const SAMPLE_MS = 10
const [COLD, AGAIN] = ['vouch check, nothing remembered', 'vouch check, again']

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: 'small,big,tiny' },
    help: { type: 'boolean', short: 'h' },
  },
})

if (values.help) process.stdout.write(USAGE)
else
  for (const set of values.only.split(','))
    process.exitCode = await withWorkshop((workshop) => measure(set, workshop))

async function measure(set: string, workshop: Workshop): Promise<number> {
  const shape = SHAPES[set]
  if (shape === undefined) throw new Error(`--only takes ${Object.keys(SHAPES).join(', ')}, got '${set}'`)
  say(`${set}: writing ${shape.files} files twice`)
  const pair = createPair(workshop.scratch, shape)
  const peers = set === 'million' ? [] : await startPeers(pair, workshop)
  const measurements: Measurement[] = [
    ...peers.map(({ name, command }) => ({
      rows: [name],
      run: async () => ({ [name]: toFigures(await runWarm(pair, 'bash', ['-c', command])) }),
    })),
    set === 'million' ? createMemoryMeasurement(pair, workshop) : createVouchMeasurement(pair, workshop),
  ]
  const results = await runRounds(measurements, { rounds: Number(values.rounds), warmMs: 0 })
  const ratios = [COLD, AGAIN].flatMap((over) =>
    peers.map(({ name }) => ({ what: `${name} / ${over}`, of: name, over, column: 'seconds' })),
  )
  return report({ [set]: measurements.flatMap(({ rows }) => rows) }, ratios, results)
}

/** A check without an index on either side, and with both; the marks must be those of rclone. */
function createVouchMeasurement(pair: Pair, workshop: Workshop): Measurement {
  const index = join(workshop.scratch, 'index')
  const toCheck = (tree: string, url: string) => {
    return [
      PROGRAM,
      'check',
      '--no-roll-up',
      '--index',
      join(index, 'a'),
      '--replica',
      `a=${tree}`,
      '--replica',
      `b=${url}`,
    ]
  }
  const run = async () => {
    rmSync(index, { recursive: true, force: true })
    const server = await startReplica(workshop, 'replica', pair.b, {
      program: PROGRAM,
      cache: index,
      busy: true,
    })
    try {
      const check = toCheck(pair.a, server.url)
      const cold = await runWarm(pair, process.execPath, check)
      const again = await runWarm(pair, process.execPath, check)
      await requireMarks(pair, cold.output)
      const wire = {
        'KiB on the wire': await countTraffic(server.url, (url) => toCheck(pair.a, url)),
        'KiB on the wire, trees alike': await countTraffic(server.url, (url) => toCheck(pair.b, url)),
        'peak MiB|replica': Math.round(readMemory(server.pid, 'VmHWM')),
      }
      return { [COLD]: toFigures(cold), [AGAIN]: { ...toFigures(again), ...wire } }
    } finally {
      await server.stop()
    }
  }
  return { rows: [COLD, AGAIN], run }
}

/** KiB there and back of a check that runs through a proxy in front of `url`. */
async function countTraffic(url: string, toArgs: (url: string) => string[]): Promise<number> {
  const target = Number(new URL(url).port)
  let bytes = 0
  const pass = (from: NodeJS.ReadWriteStream, to: NodeJS.ReadWriteStream & { destroy(): void }) => {
    from.on('data', (chunk) => {
      bytes += chunk.length
    })
    from.on('error', () => to.destroy()).pipe(to)
  }
  const server = createServer((socket) => {
    const upstream = connect(target, '127.0.0.1')
    pass(socket, upstream)
    pass(upstream, socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // of a server on TCP
  await runProgram(process.execPath, toArgs(`http://127.0.0.1:${port}`))
  server.close()
  return bytes / 1024
}

/** Two replica servers, a coordinator that only compares, and a client of it. */
function createMemoryMeasurement(pair: Pair, workshop: Workshop): Measurement {
  const run = async () => {
    const cache = join(workshop.scratch, 'index')
    rmSync(cache, { recursive: true, force: true })
    const options = { program: PROGRAM, cache, busy: true }
    const replicas = await Promise.all(
      [pair.a, pair.b].map((tree, i) => startReplica(workshop, `replica${i + 1}`, tree, options)),
    )
    const urls = replicas.map(({ url }) => url)
    const coordinator = await startCoordinator(workshop, urls, options)
    const servers = [...replicas, coordinator]
    const round: Record<string, Figures> = {}
    for (const row of [COLD, AGAIN]) {
      const client = await runProgram(process.execPath, [PROGRAM, 'check', '--coordinator', coordinator.url])
      const peaks = servers.map(({ name, pid }) => [`peak MiB|${name}`, Math.round(readMemory(pid, 'VmHWM'))])
      round[row] = { ...toFigures(client), ...Object.fromEntries(peaks) }
    }
    await Promise.all(servers.map((server) => server.stop()))
    return round
  }
  return { rows: [COLD, AGAIN], fresh: true, run }
}

interface Ran {
  readonly seconds: number
  /** Greatest resident memory of the program itself. */
  readonly peakMiB: number
  readonly output: string
}

function toFigures({ seconds, peakMiB }: Ran): Figures {
  return { seconds, 'peak MiB|itself': Math.round(peakMiB) }
}

/** Reads every file of both trees, then runs a program. */
async function runWarm({ a, b }: Pair, program: string, args: readonly string[]): Promise<Ran> {
  await execute('bash', ['-c', `find ${a} ${b} -type f -print0 | xargs -0 -P2 -n 500 cat > /dev/null`])
  return await runProgram(program, args)
}

/** Runs a program to its end, whatever its exit status. */
async function runProgram(program: string, args: readonly string[]): Promise<Ran> {
  const start = performance.now()
  const child = spawn(program, [...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  let peakMiB = 0
  const timer = setInterval(() => {
    try {
      peakMiB = Math.max(peakMiB, readMemory(child.pid ?? 0, 'VmHWM') || 0)
    } catch {
      // It has ended.
    }
  }, SAMPLE_MS)
  const closed = once(child, 'close')
  const output = await text(child.stdout)
  await closed
  clearInterval(timer)
  return { seconds: (performance.now() - start) / 1000, peakMiB, output }
}

/** Throws unless the marks are those of rclone, line for line; passes where rclone is not installed. */
async function requireMarks({ a, b }: Pair, output: string): Promise<void> {
  if (readVersion('rclone', 'version') === undefined) return
  const { output: combined } = await runProgram('rclone', ['check', a, b, '-q', '--combined', '-'])
  const toLines = (marks: string) =>
    marks
      .split('\n')
      .filter((line) => !/^(=|$)/.test(line))
      .sort()
      .join('\n')
  if (toLines(combined) !== toLines(output))
    throw new Error(`rclone prints other marks:\n${combined}\n${output}`)
}

/** A command for `bash -c` that compares two trees without vouch. */
interface Peer {
  readonly name: string
  readonly command: string
}

/**
 * Those that are installed: rclone on two directories, and against `rclone serve sftp`, which remembers no
 * hashes; rsync against its daemon; and openssl, which hashes both trees side by side. Their servers end with
 * the workshop.
 */
async function startPeers({ a, b }: Pair, workshop: Workshop): Promise<Peer[]> {
  const peers: Peer[] = []
  if (readVersion('rclone', 'version') !== undefined) {
    peers.push({ name: 'rclone check, two directories', command: `rclone check ${a} ${b} -q` })
    peers.push({ name: 'rclone check, sftp', command: await startSftp(a, b, workshop) })
  }
  if (readVersion('rsync', '--version') !== undefined) {
    peers.push({ name: 'rsync -rnc, rsyncd', command: await startRsyncd(a, b, workshop) })
  }
  const hash = (tree: string) => `(cd ${tree}; find . -type f -print0 | xargs -0 openssl dgst -sha256 -r)`
  peers.push({
    name: 'openssl, both at once',
    command: `${hash(a)} > /dev/null & ${hash(b)} > /dev/null; wait`,
  })
  return peers
}

async function startSftp(a: string, b: string, workshop: Workshop): Promise<string> {
  const port = await findFreePort()
  const serve = ['serve', 'sftp', b, '--addr', `127.0.0.1:${port}`, '--user', 'u', '--pass', 'p']
  // Its default of five minutes would spare it reading `b` again.
  await workshop.start('rclone serve sftp', 'rclone', [...serve, '--dir-cache-time', '1s', '-q'], { port })
  const password = (await execute('rclone', ['obscure', 'p'])).trim()
  return `rclone check ${a} :sftp: --sftp-host 127.0.0.1 --sftp-port ${port} --sftp-user u --sftp-pass ${password} -q`
}

async function startRsyncd(a: string, b: string, workshop: Workshop): Promise<string> {
  const port = await findFreePort()
  const config = join(workshop.scratch, 'rsyncd.conf')
  const root = process.getuid?.() === 0 ? 'uid = root\ngid = root\n' : ''
  const module = `[b]\npath = ${b}\nread only = yes\n`
  writeFileSync(config, `use chroot = no\naddress = 127.0.0.1\nport = ${port}\n${root}${module}`)
  await workshop.start('rsyncd', 'rsync', ['--daemon', '--no-detach', `--config=${config}`], { port })
  return `rsync -rnc --delete -i rsync://127.0.0.1:${port}/b/ ${a}/`
}
