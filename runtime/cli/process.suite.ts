import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const SOURCE = fileURLToPath(new URL('vouch.ts', import.meta.url))
/** The bundle of vitest.setup.ts, which starts faster. */
export const BUNDLE = process.env['VOUCH_BUNDLE'] ?? SOURCE

/** A listening server of the command, in its own process. The caller stops it. */
export interface ServerProcess {
  readonly child: ChildProcess
  readonly pid: number
  readonly url: string
  /** The line with its address. */
  readonly banner: string
  /** The next line that it prints; `undefined` at the end. */
  readLine(): Promise<string | undefined>
  /** The next request in its JSON log; an empty object when the log has ended. */
  readEntry(): Promise<Record<string, unknown>>
  /** Kills it, and resolves when it is gone. */
  stop(): Promise<void>
}

/** Starts the command in `cwd`, on this Node, or on what `host` names. */
export function startVouch(
  args: readonly string[],
  cwd: string,
  [program = process.execPath, ...options]: readonly string[] = [],
  env: NodeJS.ProcessEnv = process.env,
  stdin: 'ignore' | 'pipe' = 'ignore',
): ChildProcess {
  const vouch = program === process.execPath ? BUNDLE : SOURCE
  return spawn(program, [...options, vouch, ...args], {
    cwd,
    env,
    stdio: [stdin, 'pipe', 'pipe'],
  })
}

/** Starts a server of the command, on any free port by default; rejects when it ends before it listens. */
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

/** The exit status, standard output and standard error of a process. */
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
