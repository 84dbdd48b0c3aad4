import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'
import type { S3Server } from './bucket.suite.ts'

const run = promisify(execFile)

export interface RunningCeph extends S3Server {
  close(): Promise<void>
}

/** Whether this machine has what `startCeph` starts: Debian's packages ceph-mon, ceph-osd and radosgw. */
export function hasCeph(): boolean {
  try {
    for (const program of ['ceph-mon', 'ceph-osd', 'radosgw'])
      execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const CREDENTIALS = { accessKeyId: 'VOUCHTESTS', secretAccessKey: 'a key that only this test knows' } as const

/**
 * A Ceph of its own, in memory, on free ports of the loopback: a monitor, a store and the gateway that speaks
 * S3.
 */
export async function startCeph(): Promise<RunningCeph> {
  const { path: directory, remove } = createTemporaryDirectory('vouch-ceph-')
  const children: ChildProcess[] = []
  const close = async () => {
    for (const child of children.reverse()) await end(child)
    remove()
  }
  try {
    const [monitor, gateway] = [await findPort(), await findPort()]
    await prepare(directory, monitor, gateway)
    await startStore(directory, children)
    start(children, directory, 'radosgw', ['-n', 'client.admin', '-f'])
    const endpoint = `http://127.0.0.1:${gateway}`
    await waitFor(endpoint)
    const { accessKeyId, secretAccessKey } = CREDENTIALS
    const user = [
      '--uid=vouch',
      '--display-name=vouch',
      `--access-key=${accessKeyId}`,
      `--secret-key=${secretAccessKey}`,
    ]
    await run('radosgw-admin', ['-c', join(directory, 'ceph.conf'), 'user', 'create', ...user])
    return { endpoint, credentials: CREDENTIALS, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function prepare(directory: string, monitor: number, gateway: number): Promise<void> {
  for (const part of ['mon', 'osd', 'rgw', 'run']) await mkdir(join(directory, part))
  const fsid = crypto.randomUUID()
  await writeFile(join(directory, 'ceph.conf'), toConfiguration(directory, fsid, monitor, gateway))
  const keyring = join(directory, 'keyring')
  const all = ['mon', 'osd', 'mgr'].flatMap((part) => ['--cap', part, 'allow *'])
  await run('ceph-authtool', [
    '--create-keyring',
    keyring,
    '--gen-key',
    '-n',
    'mon.',
    '--cap',
    'mon',
    'allow *',
  ])
  for (const name of ['client.admin', 'osd.0']) {
    await run('ceph-authtool', [keyring, '--gen-key', '-n', name, ...all])
  }
  // The gateway reads its key from there, and ignores the configuration.
  await copyFile(keyring, join(directory, 'rgw', 'keyring'))
  const map = join(directory, 'monmap')
  await run('monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', `[v2:127.0.0.1:${monitor}]`, map])
  const flags = ['-c', join(directory, 'ceph.conf'), '-i', 'a', '--monmap', map, '--keyring', keyring]
  await run('ceph-mon', ['--mkfs', ...flags])
}

async function startStore(directory: string, children: ChildProcess[]): Promise<void> {
  const configuration = ['-c', join(directory, 'ceph.conf')]
  start(children, directory, 'ceph-mon', ['-i', 'a', '-f'])
  // Each waits until the monitor answers.
  const ceph = (...args: string[]) => run('ceph', [...configuration, '--connect-timeout', '30', ...args])
  const keyring = join(directory, 'keyring')
  await ceph('auth', 'import', '-i', keyring)
  await ceph('osd', 'create')
  await run('ceph-osd', [...configuration, '-i', '0', '--mkfs'])
  start(children, directory, 'ceph-osd', ['-i', '0', '-f'])
}

function toConfiguration(directory: string, fsid: string, monitor: number, gateway: number): string {
  return `[global]
fsid = ${fsid}
mon host = [v2:127.0.0.1:${monitor}]
mon initial members = a
mon data = ${directory}/mon
osd data = ${directory}/osd
rgw data = ${directory}/rgw
run dir = ${directory}/run
admin socket = ${directory}/run/$name.$pid.asok
pid file = ${directory}/run/$name.pid
log file = ${directory}/$name.log
keyring = ${directory}/keyring
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd objectstore = memstore
memstore device bytes = 4294967296
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail crit = 0
rgw frontends = beast endpoint=127.0.0.1:${gateway}
rgw dns name = s3.localhost
rgw run sync thread = false
rgw enable lc threads = false
`
}

function start(children: ChildProcess[], directory: string, program: string, args: readonly string[]): void {
  const output = openSync(join(directory, `${program}.out`), 'a')
  const child = spawn(program, ['-c', join(directory, 'ceph.conf'), ...args], {
    stdio: ['ignore', output, output],
  })
  children.push(child)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

async function findPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** The gateway makes its pools before it listens. */
async function waitFor(endpoint: string): Promise<void> {
  const until = Date.now() + 60_000
  for (;;) {
    const response = await fetch(endpoint).catch(() => null)
    await response?.body?.cancel()
    if (response?.ok) return
    if (Date.now() > until) throw new Error('the gateway of Ceph does not listen')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
