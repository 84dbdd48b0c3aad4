import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const VOUCH = fileURLToPath(new URL('vouch.ts', import.meta.url))

/** A server of the command that listens, as a process of its own. Who started it stops it. */
export interface ServerProcess {
  readonly child: ChildProcess
  readonly pid: number
  readonly url: string
  /** The line that says where it listens. */
  readonly banner: string
  /** The next line that it prints; `undefined` when there will be none. */
  readLine(): Promise<string | undefined>
  /** The next request that its JSON log tells of; an empty object when there will be none. */
  readEntry(): Promise<Record<string, unknown>>
  /** Kills it, and resolves when it is gone. */
  stop(): Promise<void>
}

/** Starts the command in `cwd`, on this Node unless `host` says what else runs it. */
export function startVouch(
  args: readonly string[],
  cwd: string,
  [program = process.execPath, ...options]: readonly string[] = [],
  env: NodeJS.ProcessEnv = process.env,
): ChildProcess {
  return spawn(program, [...options, VOUCH, ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Starts a server of the command, on any free port unless told; rejects when it ends before it listens. */
export async function startServer(
  args: readonly string[],
  cwd: string,
  port = 0,
  host: readonly string[] = [],
): Promise<ServerProcess> {
  const child = startVouch([...args, '--port', String(port)], cwd, host)
  const { stdout, pid } = child
  if (stdout === null || pid === undefined) throw new Error('the process did not start')
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  const readLine = async () => (await lines.next()).value as string | undefined // readline is typed any
  const banner = await readLine()
  const url = /https?:\/\/[\d.]+:\d+/.exec(banner ?? '')?.[0]
  if (banner === undefined || url === undefined) throw new Error(`vouch ${args[0]} ended before it listened`)
  const readEntry = async () => {
    for (let line = await readLine(); line !== undefined; line = await readLine()) {
      const entry: Record<string, unknown> = JSON.parse(line)
      if ('path' in entry) return entry
    }
    return {}
  }
  return { child, pid, url, banner, readLine, readEntry, stop: () => stop(child) }
}

/** What a process came to: its exit status, standard output and standard error. */
export async function finish(child: ChildProcess) {
  const said = ['', '']
  child.stdout?.on('data', (data) => {
    said[0] += data
  })
  child.stderr?.on('data', (data) => {
    said[1] += data
  })
  const [status] = await once(child, 'close')
  return { status: status as number | null, said } // events are typed any
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}
