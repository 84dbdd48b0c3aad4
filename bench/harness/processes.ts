import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Figures } from './runner.ts'

/** A server that listens on 127.0.0.1. */
export interface Server {
  readonly name: string
  readonly pid: number
  readonly url: string
  /** Everything that it has written to standard error. */
  readErrors(): string
  /** Sends SIGTERM, then SIGKILL after STOP_MS; resolves when the process has ended. */
  stop(): Promise<void>
}

export interface StartOptions {
  readonly cwd?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Where it will listen; absent when its first line on standard output says so. */
  readonly port?: number | undefined
  /** Resolves as soon as it listens, instead of when it is idle. */
  readonly busy?: boolean | undefined
}

/** A temporary directory, and the servers that a run started. */
export interface Workshop {
  readonly scratch: string
  /**
   * Starts a server; its output goes to files, as a server's log does. Rejects when it does not listen in
   * START_MS.
   */
  start(name: string, command: string, args: readonly string[], options?: StartOptions): Promise<Server>
}

const START_MS = 20_000
const STOP_MS = 30_000
const POLL_MS = 20
const QUIET_MS = 300
const MAX_QUIET_WAITS = 400
const TICKS_A_SECOND = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout)
const interruption = new AbortController()
const execFileAsync = promisify(execFile)

/** Runs `work`; ends its servers and removes its directory afterwards, at SIGINT and SIGTERM too. */
export async function withWorkshop<T>(work: (workshop: Workshop) => Promise<T>): Promise<T> {
  const scratch = mkdtempSync(join(tmpdir(), 'vouch-bench-'))
  const children = new Set<ChildProcess>()
  const cleanUp = () => {
    for (const child of children) child.kill('SIGKILL')
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 })
  }
  const interrupt = () => {
    interruption.abort()
    cleanUp()
    process.exit(130)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt)
  try {
    return await work(createWorkshop(scratch, children))
  } finally {
    await Promise.all([...children].map(stop))
    cleanUp()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt)
  }
}

function createWorkshop(scratch: string, children: Set<ChildProcess>): Workshop {
  const directory = join(scratch, 'logs')
  let count = 0
  mkdirSync(directory)
  return {
    scratch,
    async start(name, command, args, { cwd, env, port, busy } = {}) {
      const log = join(directory, `${count++}-${name.replaceAll(/\W+/g, '-')}`)
      const outputs = [openSync(`${log}.out`, 'a'), openSync(`${log}.err`, 'a')]
      const stdio = ['ignore' as const, ...outputs]
      const child = spawn(command, [...args], { cwd, env: { ...process.env, ...env }, stdio })
      for (const output of outputs) closeSync(output)
      children.add(child)
      child.once('exit', () => children.delete(child)).once('error', () => children.delete(child))
      await Promise.race([once(child, 'spawn'), once(child, 'error')])
      const { pid } = child
      if (pid === undefined) throw new Error(`${name} did not start: '${command}' is not installed`)
      const url = await untilListening(name, child, log, port)
      if (!busy) await untilQuiet(pid)
      return { name, pid, url, readErrors: () => readFileSync(`${log}.err`, 'utf8'), stop: () => stop(child) }
    },
  }
}

async function untilListening(
  name: string,
  child: ChildProcess,
  log: string,
  port?: number,
): Promise<string> {
  for (const start = Date.now(); Date.now() - start < START_MS && !hasEnded(child); await delay(POLL_MS)) {
    const url = port === undefined ? readUrl(log) : await tryConnect(port)
    if (url !== undefined) return url
  }
  throw new Error(`${name} does not listen: ${readFileSync(`${log}.err`, 'utf8').trim()}`)
}

function readUrl(log: string): string | undefined {
  return /http:\/\/[\d.]+:\d+/.exec(readFileSync(`${log}.out`, 'utf8'))?.[0]
}

async function tryConnect(port: number): Promise<string | undefined> {
  const socket = connect(port, '127.0.0.1')
  const connected = await once(socket, 'connect').catch(() => undefined)
  // A server that serves one connection at a time waits for a request on this one.
  socket.on('error', () => {})
  socket.resume().end('x')
  return connected && `http://127.0.0.1:${port}`
}

async function stop(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await ended
  clearTimeout(timer)
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** A port of 127.0.0.1 that was free a moment ago, for servers that cannot choose one themselves. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return address.port
}

/**
 * Runs a program to its end and resolves with its standard output; rejects when it fails or `signal` aborts
 * it.
 */
export async function execute(
  program: string,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const signals = signal === undefined ? [interruption.signal] : [interruption.signal, signal]
  return (await execFileAsync(program, [...args], { signal: AbortSignal.any(signals) })).stdout
}

/** The first line that a program prints for `flag`; undefined when it is not installed. */
export function readVersion(program: string, flag: string): string | undefined {
  const { stdout, stderr, error, status } = spawnSync(program, [flag], { encoding: 'utf8' })
  // wrk fails when asked for its version; 126 and 127 come from a wrapper that found no program.
  if (error || status === 126 || status === 127) return undefined
  return `${stdout}${stderr}`.split('\n')[0]?.replace(/ [([].*/, '')
}

/**
 * The figures of `work`, and the processor time and memory that each server took meanwhile. The processor
 * time is that of one of the `reads` in the figures, times `perReads`; `reads` itself is dropped.
 */
export async function watch(
  servers: readonly Server[],
  perReads: 1 | 1000,
  work: () => Promise<Figures>,
): Promise<Figures> {
  for (const { pid } of servers) writeFileSync(`/proc/${pid}/clear_refs`, '5')
  const before = servers.map(({ pid }) => ({ cpu: readCpuSeconds(pid), rest: readMemory(pid, 'VmRSS') }))
  const { reads = 1, ...figures } = await work()
  const all: Record<string, number> = { ...figures }
  for (const [i, { name, pid }] of servers.entries()) {
    const { cpu = Number.NaN, rest = Number.NaN } = before[i] ?? {}
    const title = perReads === 1 ? 'CPU s a download' : `CPU s/${perReads}`
    all[`${title}|${name}`] = ((readCpuSeconds(pid) - cpu) / reads) * perReads
    all[`peak MiB|${name}`] = Math.round(readMemory(pid, 'VmHWM'))
    all[`MiB above rest|${name}`] = Math.round(readMemory(pid, 'VmHWM') - rest)
  }
  return all
}

/** Processor time of a process since it began, all threads together. Throws when there is no such process. */
export function readCpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name of the program, in parentheses, may itself hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND
}

/** Resident memory in MiB: now, or the peak since the start or the last reset. */
export function readMemory(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
}

/** Resolves when a process is idle; rejects when it is still at work after two minutes. */
async function untilQuiet(pid: number): Promise<void> {
  for (let i = 0; i < MAX_QUIET_WAITS; i++) {
    const before = readCpuSeconds(pid)
    await delay(QUIET_MS)
    if (readCpuSeconds(pid) - before <= 0.02) return
  }
  throw new Error(`process ${pid} did not become idle`)
}
