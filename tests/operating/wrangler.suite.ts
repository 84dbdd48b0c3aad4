import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const WRANGLER = join(REPOSITORY, 'node_modules/wrangler/bin/wrangler.js')

/** A Worker under `wrangler dev`. */
export interface Dev {
  readonly url: string
  stop(): Promise<void>
}

/** wrangler, with a directory of its own for its state. The caller closes it. */
export interface Wrangler {
  readonly directory: string
  /** Runs a command to its end, and resolves with its output. Rejects when it fails. */
  run(...argv: string[]): Promise<string>
  /** Starts `wrangler dev` for an environment; resolves when it listens, on a free port. */
  dev(environment: string, ...argv: string[]): Promise<Dev>
  /** Stops all that was started, and removes the directory. */
  close(): Promise<void>
}

export async function openWrangler(): Promise<Wrangler> {
  const { path: directory, remove } = createTemporaryDirectory('vouch-wrangler-')
  const started: ChildProcess[] = []
  // It makes no requests to the internet, and does not find the Workers of other runs.
  const env = {
    ...process.env,
    CI: '1',
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_HIDE_BANNER: 'true',
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    WRANGLER_LOG_PATH: join(directory, 'logs'),
    WRANGLER_REGISTRY_PATH: join(directory, 'registry'),
  }
  return {
    directory,
    async run(...argv) {
      const options = { cwd: REPOSITORY, env }
      return (await promisify(execFile)(process.execPath, [WRANGLER, ...argv], options)).stdout
    },
    async dev(environment, ...argv) {
      const flags = [
        '--env',
        environment,
        '--ip',
        '127.0.0.1',
        '--port',
        '0',
        '--inspector-port',
        '0',
        ...argv,
      ]
      const child = spawn(process.execPath, [WRANGLER, 'dev', ...flags], {
        cwd: REPOSITORY,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      started.push(child)
      return { url: await readUrl(child), stop: () => stop(child) }
    },
    async close() {
      await Promise.all(started.map(stop))
      remove()
    },
  }
}

/** The address that it prints; rejects with all its output when it ends before. */
async function readUrl(child: ChildProcess): Promise<string> {
  const said: string[] = []
  const { stdout, stderr } = child
  if (stdout === null || stderr === null) throw new Error('wrangler has no output')
  stderr.on('data', (text) => said.push(String(text)))
  for await (const line of createInterface({ input: stdout })) {
    said.push(line)
    const url = /Ready on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1]
    // Keeps reading, so that its output does not fill the pipe.
    stdout.resume()
    if (url !== undefined) return url
  }
  throw new Error(`wrangler dev ended before it listened:\n${said.join('\n')}`)
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}
