import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync, truncateSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readMemory, untilQuiet, type Watched } from './usage.ts'

/** A server that listens. */
export interface Running extends Watched {
  readonly url: string
  /** Everything that it has written on standard error. */
  readErrors(): string
  /** Asks it to end, kills it when it does not, and resolves when it is gone. */
  stop(): Promise<void>
}

export interface StartOptions {
  readonly cwd?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Where it will listen; absent when it says so itself, in its first line on standard output. */
  readonly port?: number | undefined
  /** Not to be waited for until it rests. */
  readonly busy?: boolean | undefined
}

/** The processes that a run started. Whoever made this calls `stopAll`, or `killAll` when there is no time left. */
export interface Processes {
  /** Starts a server; resolves when it listens and has come to rest, and rejects when it does neither. */
  start(name: string, command: string, args: readonly string[], options?: StartOptions): Promise<Running>
  /** Empties the logs, which would otherwise grow with every request; no server may be starting. */
  trimLogs(): void
  stopAll(): Promise<void>
  killAll(): void
}

const START_MS = 20_000
const STOP_MS = 30_000
const POLL_MS = 20

/** Processes whose output goes to files in `directory`, as a server's log does. */
export function createProcesses(directory: string): Processes {
  mkdirSync(directory, { recursive: true })
  const children = new Set<ChildProcess>()
  const logs: string[] = []

  function launch(log: string, command: string, args: readonly string[], { cwd, env }: StartOptions) {
    const outputs = [openSync(`${log}.out`, 'a'), openSync(`${log}.err`, 'a')]
    const stdio = ['ignore' as const, ...outputs]
    const child = spawn(command, [...args], { cwd, env: { ...process.env, ...env }, stdio })
    for (const output of outputs) closeSync(output)
    children.add(child)
    child.once('exit', () => children.delete(child))
    child.once('error', () => children.delete(child))
    return child
  }

  return {
    async start(name, command, args, options = {}) {
      const log = join(directory, `${logs.length}-${name.replaceAll(/\W+/g, '-')}`)
      logs.push(log)
      const child = launch(log, command, args, options)
      await Promise.race([once(child, 'spawn'), once(child, 'error')])
      const { pid } = child
      if (pid === undefined) throw new Error(`${name} did not start: there is no ${command}`)
      const url = await untilListening(name, child, log, options.port)
      if (!options.busy) await untilQuiet(pid)
      return {
        name,
        pid,
        url,
        startMiB: readMemory(pid, 'VmRSS'),
        readErrors: () => readFileSync(`${log}.err`, 'utf8'),
        stop: () => stop(child),
      }
    },
    trimLogs() {
      for (const log of logs) truncateSync(`${log}.out`)
    },
    async stopAll() {
      await Promise.all([...children].map(stop))
    },
    killAll() {
      for (const child of children) child.kill('SIGKILL')
    },
  }
}

async function untilListening(
  name: string,
  child: ChildProcess,
  log: string,
  port?: number,
): Promise<string> {
  for (const start = Date.now(); Date.now() - start < START_MS; await delay(POLL_MS)) {
    if (hasEnded(child)) break
    const url = port === undefined ? readAddress(log) : await reach(port)
    if (url !== undefined) return url
  }
  throw new Error(`${name} does not listen: ${readReason(`${log}.err`)}`)
}

/** The line of a log that says what went wrong, which in a stack trace is neither the first nor the last. */
function readReason(log: string): string {
  const lines = readFileSync(log, 'utf8').trim().split('\n')
  return lines.find((line) => /error|vouch:/i.test(line)) ?? lines.at(-1) ?? ''
}

function readAddress(log: string): string | undefined {
  return /http:\/\/[\d.]+:\d+/.exec(readFileSync(`${log}.out`, 'utf8'))?.[0]
}

async function reach(port: number): Promise<string | undefined> {
  const socket = connect(port, '127.0.0.1')
  const reached = await once(socket, 'connect').catch(() => undefined)
  // What speaks no HTTP may wait for a request from this connection, and for nobody else, until it has one.
  socket.on('error', () => {})
  socket.resume().end('x')
  return reached && `http://127.0.0.1:${port}`
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
