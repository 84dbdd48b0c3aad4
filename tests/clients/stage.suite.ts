import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startServer } from '../../runtime/cli/process.suite.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'
import { type Meddler, startMeddler } from './meddler.suite.ts'

/** A coordinator over a directory and a replica server, behind a proxy. The caller closes it. */
export interface Stage {
  readonly root: string
  /** Of the proxy. */
  readonly url: string
  /** Of the coordinator, which answers while this process waits for a program. */
  readonly coordinatorUrl: string
  readonly meddler: Meddler
  /** Writes a file whole into both replicas, or one: what reads the one before keeps it. */
  write(name: string, content: Uint8Array, replicas?: readonly string[]): void
  /** Stops the replica server. */
  stopReplica(): Promise<void>
  close(): Promise<void>
}

const REPLICAS = ['server1', 'server2']

export async function openStage(): Promise<Stage> {
  const { path: root, remove } = createTemporaryDirectory('vouch-clients-')
  for (const replica of REPLICAS) mkdirSync(join(root, replica))
  const index = ['--index', join(root, 'index')]
  const replica = await startServer(['replica', 'server2', '--id', 'server2', ...index], root)
  const words = ['--replica', 'server1=server1', '--replica', `server2=${replica.url}`, ...index]
  const coordinator = await startServer(['coordinator', ...words], root)
  const meddler = await startMeddler(coordinator.url)
  return {
    root,
    url: meddler.url,
    coordinatorUrl: coordinator.url,
    meddler,
    write(name, content, replicas = REPLICAS) {
      for (const id of replicas) {
        writeFileSync(join(root, 'new'), content)
        mkdirSync(join(root, id, name, '..'), { recursive: true })
        renameSync(join(root, 'new'), join(root, id, name))
      }
    },
    stopReplica: () => replica.stop(),
    async close() {
      await meddler.close()
      await coordinator.stop()
      await replica.stop()
      remove()
    },
  }
}

/** Starts a client in a folder that is its home; it is killed after `timeout` ms. */
export function start(
  program: string,
  args: readonly string[],
  folder: string,
  timeout: number,
): ChildProcess {
  const env = { PATH: process.env['PATH'], HOME: folder, LC_ALL: 'C' }
  return spawn(program, args, {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout,
    killSignal: 'SIGKILL',
  })
}
