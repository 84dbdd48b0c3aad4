import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ServerProcess, startServer } from '../../runtime/cli/process.suite.ts'
import { showErrors } from '../../runtime/node/show-errors.suite.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'
import { type Siege, startSiege } from './siege.suite.ts'

// Real processes that are killed, stopped, cut off and deprived of their index while clients check every
// answer.

const IDS = ['server1', 'server2', 'server3'] as const
type Id = (typeof IDS)[number]

/** File systems that are full, or fail, take the rights to mount them. */
const canMount = process.getuid?.() === 0
if (!canMount) console.warn('NOT TESTED without root: a full disk, and one that fails')

const TIMEOUTS = ['--connect-timeout', '0.3', '--silence-timeout', '1']
const seed = Number(process.env['VOUCH_SEED'] ?? Date.now() % 1_000_000)
const totals = { reads: 0, faults: 0, right: 0, refused: 0, brokenOff: 0, wrong: 0 }
const truth = new Map<string, Map<string, Buffer[]>>()

const { path: directory, remove } = createTemporaryDirectory('vouch-siege-')
let replicas: Map<Id, ServerProcess>
let coordinator: ServerProcess
let siege: Siege
const others: ChildProcess[] = []

beforeAll(async () => {
  writeTrees()
  replicas = new Map()
  for (const id of ['server2', 'server3'] as const) replicas.set(id, await startReplica(id))
  coordinator = await startCoordinator({})
})

afterAll(async () => {
  for (const server of [coordinator, ...replicas.values()]) await server.stop()
  for (const child of others) child.kill('SIGKILL')
  remove()
  console.log(`siege, seed ${seed}: ${JSON.stringify(totals)}`)
})

beforeEach(() => {
  siege = startSiege(coordinator.url, truth, seed)
})

afterEach(async () => {
  await siege.stop()
  const { reads, right, refused, brokenOff, wrong } = siege.tally
  totals.reads += reads
  totals.right += right
  totals.refused += refused
  totals.brokenOff += brokenOff
  totals.wrong += wrong.length
  expect(wrong).toEqual([])
  expect(right).toBeGreaterThan(0)
})

/** Names of every kind, and their holders. */
function writeTrees(): void {
  for (const id of IDS) mkdirSync(join(directory, id))
  for (let i = 0; i < 6; i++) {
    const [one, other] = [randomBytes(1000 + i), randomBytes(1000 + i)]
    write(`same${i}`, { server1: one, server2: one, server3: one })
    write(`gap${i}`, { server1: one, server3: one })
    write(`far${i}`, { server2: one, server3: one })
    write(`lone${i}`, { server2: one })
    write(`differ${i}`, { server1: one, server2: other, server3: other })
    truth.set(`absent${i}`, new Map())
  }
  const large = randomBytes(3_000_000)
  write('large', { server1: large, server2: large, server3: large })
  write('far-large', { server2: large, server3: large })
}

function write(name: string, contents: Partial<Record<Id, Buffer>>): void {
  truth.set(name, new Map(Object.entries(contents).map(([id, content]) => [id, [content]])))
  for (const [id, content] of Object.entries(contents)) writeFileSync(join(directory, id, name), content)
}

async function startReplica(id: Id, port = 0): Promise<ServerProcess> {
  return await startServer(['replica', id, '--id', id, '--index', `index-${id}`], directory, port)
}

async function startCoordinator(urls: Partial<Record<Id, string>>): Promise<ServerProcess> {
  const words = IDS.flatMap((id) => [
    '--replica',
    `${id}=${urls[id] ?? (id === 'server1' ? './server1' : getReplica(id).url)}`,
  ])
  return await startServer(['coordinator', ...words, ...TIMEOUTS, '--index', 'index-server1'], directory)
}

function getReplica(id: Id): ServerProcess {
  const replica = replicas.get(id)
  if (replica === undefined) throw new Error(`${id} does not run`)
  return replica
}

async function restart(id: Id): Promise<void> {
  const { url, stop } = getReplica(id)
  await stop()
  totals.faults++
  await siege.more(100)
  replicas.set(id, await startReplica(id, Number(new URL(url).port)))
}

/** Resolves when every replica answers again; reads continue meanwhile. */
async function recovered(): Promise<void> {
  for (;;) {
    const response = await fetch(`${coordinator.url}/files/same0`, { method: 'HEAD' })
    if (response.headers.get('Replica-Agreement')?.startsWith('unanimous')) return
    await siege.more(20)
  }
}

describe('no answer is wrong', () => {
  it('while nothing happens', async () => {
    await siege.more(300)
    expect(siege.tally).toMatchObject({ refused: 0, brokenOff: 0 })
  })

  it('while a replica is killed and restarted', async () => {
    for (const id of ['server2', 'server3'] as const) {
      await siege.more(50)
      await restart(id)
      await recovered()
    }
  }, 120_000)

  it('while a replica is stopped and continued', async () => {
    for (const id of ['server2', 'server3'] as const) {
      process.kill(getReplica(id).pid, 'SIGSTOP')
      totals.faults++
      await siege.more(200)
      process.kill(getReplica(id).pid, 'SIGCONT')
      await recovered()
    }
  }, 120_000)

  it('while a replica loses its index, and finds garbage instead', async () => {
    rmSync(join(directory, 'index-server2'), { recursive: true })
    totals.faults++
    await siege.more(200)
    for (const file of readdirSync(join(directory, 'index-server3'))) {
      writeFileSync(join(directory, 'index-server3', file), randomBytes(5000))
    }
    totals.faults++
    await siege.more(200)
    await restart('server3')
    await restart('server2')
    await recovered()
    await siege.more(200)
  }, 120_000)

  it("while the coordinator's own directory is moved away", async () => {
    const tree = join(directory, 'server1')
    renameSync(tree, `${tree}-away`)
    totals.faults++
    await siege.more(200)
    renameSync(`${tree}-away`, tree)
    await recovered()
  }, 120_000)

  it('while a file is replaced again and again', async () => {
    const contents = [randomBytes(200_000), randomBytes(200_000), randomBytes(100_000)]
    truth.set('churn', new Map(IDS.map((id) => [id, contents])))
    const churning = startSiege(coordinator.url, new Map([['churn', truth.get('churn') ?? new Map()]]), seed)
    for (let i = 0; i < 30; i++) {
      for (const id of IDS) {
        writeFileSync(join(directory, `next-${id}`), contents[i % contents.length] ?? '')
        renameSync(join(directory, `next-${id}`), join(directory, id, 'churn'))
      }
      totals.faults++
      await churning.more(5)
    }
    await churning.stop()
    expect(churning.tally.wrong).toEqual([])
  }, 120_000)
})

describe('no answer is wrong from a coordinator', () => {
  beforeEach(async () => {
    await siege.stop()
    await coordinator.stop()
  })

  afterEach(async () => {
    await coordinator.stop()
    coordinator = await startCoordinator({})
  })

  it('one of whose replicas is behind an address that swallows every packet', async () => {
    coordinator = await startCoordinator({ server3: await startBlackHole() })
    siege = startSiege(coordinator.url, truth, seed)
    totals.faults++
    await siege.more(300)
    const { headers } = await fetch(`${coordinator.url}/files/same0`)
    // On a busy machine the silence deadline may pass before the connection is given up.
    const isLate = /server3;state=error;error=(connection|http_response)_timeout$/
    expect(headers.get('Replica-Status')).toMatch(isLate)
    await siege.stop()
  }, 120_000)

  it.skipIf(!canMount)(
    'whose own disk answers with input/output errors',
    async () => {
      const [image, disk] = [join(directory, 'image'), join(directory, 'disk')]
      mkdirSync(disk)
      execFileSync('truncate', ['-s', '64M', image])
      execFileSync('mkfs.ext4', ['-q', '-F', image])
      execFileSync('mount', ['-o', 'loop', image, disk])
      try {
        cpSync(join(directory, 'server1'), disk, { recursive: true })
        execFileSync('sync')
        coordinator = await startCoordinator({ server1: './disk' })
        siege = startSiege(coordinator.url, truth, seed)
        await siege.more(200)
        // What lies beyond the end of the image cannot be read any more, once it is not in memory. A file
        // system that may still be written to could make the image longer again, and its holes are read as
        // zeros.
        execFileSync('mount', ['-o', 'remount,ro', disk])
        execFileSync('truncate', ['-s', '1M', image])
        writeFileSync('/proc/sys/vm/drop_caches', '3')
        totals.faults++
        await siege.more(300)
        const { headers } = await fetch(`${coordinator.url}/files/large`)
        expect(headers.get('Replica-Status')).toMatch(/^server1;state=error;error=proxy_internal_error, /)
        await siege.stop()
        await coordinator.stop()
      } finally {
        execFileSync('umount', ['-l', disk])
      }
    },
    120_000,
  )

  it.skipIf(!canMount)(
    'whose disk under the index is full',
    async () => {
      const index = join(directory, 'index-server1')
      rmSync(index, { recursive: true, force: true })
      mkdirSync(index)
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', index])
      try {
        coordinator = await startCoordinator({})
        siege = startSiege(coordinator.url, truth, seed)
        totals.faults++
        await siege.more(300)
        expect(siege.tally).toMatchObject({ refused: 0, brokenOff: 0 })
        await siege.stop()
        await coordinator.stop()
      } finally {
        execFileSync('umount', ['-l', index])
      }
    },
    120_000,
  )
})

/** An address whose queue of connections is full: further ones are never answered. */
async function startBlackHole(): Promise<string> {
  const code = `
import socket, sys
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(0)
fill = [socket.socket() for _ in range(4)]
for one in fill: one.setblocking(False); one.connect_ex(s.getsockname())
print(s.getsockname()[1], flush=True); sys.stdin.read()`
  const child = showErrors(spawn('python3', ['-c', code]))
  others.push(child)
  const [port] = await once(child.stdout, 'data')
  return `http://127.0.0.1:${Number(port)}`
}
