import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { type ServerProcess, startServer } from '../runtime/cli/process.suite.ts'

const CHROMIUM = '/usr/bin/chromium'

/** Whether there is a browser to try the pages in: Debian's chromium. */
export const hasBrowser = existsSync(CHROMIUM)

/** Starts the browser; hosts that end with `.test` are this machine, and no address that a browser trusts. */
export async function launchBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: CHROMIUM,
    // Root, as in a container, may have no sandbox of its own.
    args: ['--no-sandbox', '--host-resolver-rules=MAP *.test 127.0.0.1'],
  })
}

/** What each replica holds, by name. */
export type Tree = Readonly<Record<string, string | Uint8Array>>

/** Replicas and a coordinator over them, as real processes that take writes. */
export interface Cluster {
  readonly url: string
  /** Writes a file of a replica, behind everybody's back. */
  write(id: string, name: string, content: string | Uint8Array): void
  stop(): Promise<void>
}

/** Starts a directory that the coordinator reads itself, and a replica server for each tree after the first. */
export async function startCluster(
  trees: Readonly<Record<string, Tree>>,
  flags: readonly string[] = ['--open', '--writable'],
): Promise<Cluster> {
  const root = await mkdtemp(join(tmpdir(), 'vouch-browser-'))
  const servers: ServerProcess[] = []
  const write: Cluster['write'] = (id, name, content) => {
    const path = join(root, id, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
  }
  const index = ['--index', join(root, 'index')]
  const words: string[] = []
  for (const [i, [id, tree]] of Object.entries(trees).entries()) {
    mkdirSync(join(root, id))
    for (const [name, content] of Object.entries(tree)) write(id, name, content)
    if (i > 0) servers.push(await startServer(['replica', id, '--id', id, '--open', '--writable', ...index], root))
    words.push('--replica', `${id}=${servers.at(-1)?.url ?? join(root, id)}`)
  }
  const coordinator = await startServer(['coordinator', ...words, ...flags, ...index], root)
  return {
    url: coordinator.url,
    write,
    async stop() {
      for (const server of [coordinator, ...servers]) await server.stop()
      await rm(root, { recursive: true, force: true })
    },
  }
}
