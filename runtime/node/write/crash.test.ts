import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { coordinate } from '../../../functions/coordinator/set-up.suite.ts'
import { createMemoryStorage } from '../../../functions/storage/memory.ts'
import type { Kept } from '../../../functions/storage/storage.ts'
import { toBytes } from '../../../functions/storage/suite/set-up.suite.ts'
import { describeOne, readBytes } from '../../../functions/storage/suite/suite-tools.suite.ts'
import { createRandom } from '../../../functions/wire/random.suite.ts'
import { createTestDirectory, openStorage, type TestDirectory } from '../directory-setup.suite.ts'
import { showErrors } from '../show-errors.suite.ts'
import { createTemporaryDirectory } from '../temporary-directory.suite.ts'
import { NAMES } from './crash-child.suite.ts'

const scratch = createTemporaryDirectory('vouch-crash-')
/** Bundled, with the threads that it starts: some fifty of them take longer to start from their sources. */
const CHILD = join(scratch.path, 'crash-child.suite.mjs')

beforeAll(async () => {
  const [child, threads] = ['crash-child.suite.ts', '../threads/*-worker.ts'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  )
  await build({
    entryPoints: [child ?? '', threads ?? ''],
    outdir: scratch.path,
    entryNames: '[name]',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
  })
})
afterAll(scratch.remove)

/** `VOUCH_SEED` repeats a run that failed. */
const SEED = Number(process.env['VOUCH_SEED'] ?? Date.now() % 1_000_000)

const ROUNDS = 6

/**
 * Kills before one in so many calls, beginning with another in each run; `VOUCH_CRASH_STEP=1` before each.
 */
const STEP = Number(process.env['VOUCH_CRASH_STEP'] ?? 2)

/** A directory that processes write to, and their reports. */
interface Scene {
  readonly root: string
  /** By name: the contents that must exist from now on, and those that may exist. */
  readonly stays: ReadonlyMap<string, Set<string>>
  readonly known: ReadonlyMap<string, Set<string>>
}

const directories: TestDirectory[] = []

afterEach(async () => {
  for (const directory of directories.splice(0)) await directory.close()
})

/** With a file that existed before. */
async function createScene(): Promise<Scene> {
  const directory = await createTestDirectory()
  directories.push(directory)
  await directory.write('a', toBytes('before'))
  const toSets = () =>
    new Map(NAMES.map((name) => [name, new Set(name === 'a' ? [hash(toBytes('before'))] : [])]))
  return { root: directory.root, stays: toSets(), known: toSets() }
}

const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

interface Report {
  readonly deed: 'about' | 'done'
  readonly name: string
  readonly digest: string
}

/** Lets a process write to its end, or until it is killed; records its reports. */
async function write(
  { root, stays, known }: Scene,
  { seed, puts, kill }: { seed: number; puts: number; kill?: number | string },
  onReport: (child: ChildProcess) => void = () => {},
) {
  const args = ['--disable-warning=ExperimentalWarning', CHILD, root, seed, puts, kill ?? '']
  const child = showErrors(spawn(process.execPath, args.map(String)))
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    const { deed, name, digest }: Report = JSON.parse(line)
    known.get(name)?.add(digest)
    if (deed === 'done') stays.get(name)?.add(digest)
    onReport(child)
  })
  const [[status, signal]] = await Promise.all([once(child, 'exit'), once(lines, 'close')])
  return { status, signal } as { status: number | null; signal: string | null } // events are typed any
}

/**
 * Asserts that every name holds a whole content, that no content that was ever there is gone, and that no
 * temporary file stays once the directory is opened for writing.
 */
async function expectNothingLost({ root, stays, known }: Scene): Promise<void> {
  const storage = openStorage(root, { writable: true })
  try {
    for (const name of NAMES) {
      const there = (await describeOne(storage, name))?.digest
      if (there !== undefined) {
        expect(hash(await readBytes(storage, name))).toBe(there)
        expect(known.get(name)).toContain(there)
        // Another process may have seen it.
        stays.get(name)?.add(there)
      }
      const kept = (await storage.listKept({ name })).entries
      for (const entry of kept) expectIntact(root, entry)
      const digests = new Set([there, ...kept.map(({ digest }) => digest)])
      for (const digest of stays.get(name) ?? []) expect(digests, `${name} held it`).toContain(digest)
    }
    const listed = (await storage.list()).entries.map(({ name }) => name)
    expect(NAMES).toEqual(expect.arrayContaining(listed))
  } finally {
    await storage.close()
  }
  if (existsSync(join(root, '.vouch/tmp'))) expect(readdirSync(join(root, '.vouch/tmp'))).toEqual([])
}

function expectIntact(root: string, { name, digest, size }: Kept): void {
  const bytes = readFileSync(join(root, '.vouch/kept', digest, name))
  expect([hash(bytes), bytes.length]).toEqual([digest, size])
}

/** Keeps this process busy, which a timer would not do so briefly. */
function spin(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

describe('a process that is killed while it writes', () => {
  it(`loses no content at any of ${ROUNDS} random moments or more`, { timeout: 300_000 }, async () => {
    console.info(`VOUCH_SEED=${SEED}`)
    const scene = await createScene()
    const random = createRandom(SEED)
    const countMost = () => Math.max(...[...scene.stays.values()].map(({ size }) => size))
    // More of them where the seed kills so early that few contents were written.
    for (let round = 0; round < ROUNDS || (countMost() <= 5 && round < 5 * ROUNDS); round++) {
      let left = Math.floor(random() * 12)
      const delay = random() * 6
      const { signal } = await write(scene, { seed: SEED + round, puts: 200 }, (child) => {
        if (left-- !== 0) return
        spin(delay)
        child.kill('SIGKILL')
      })
      expect(signal).toBe('SIGKILL')
      await expectNothingLost(scene)
    }
    expect(countMost()).toBeGreaterThan(5)
  })

  it(`loses no content before any of its calls to the file system, of which ${STEP === 1 ? 'all' : `one in ${STEP}`} are tried`, {
    timeout: 300_000,
  }, async () => {
    console.info(`VOUCH_SEED=${SEED}`)
    let calls = (SEED % STEP) - STEP + 1
    let isKilled = true
    async function killOneByOne(): Promise<void> {
      while (isKilled) {
        calls += STEP
        const kill = calls
        const scene = await createScene()
        const { status, signal } = await write(scene, { seed: SEED, puts: 4, kill })
        if (signal !== 'SIGKILL') {
          expect(status).toBe(0)
          isKilled = false
        }
        await expectNothingLost(scene)
      }
    }
    await Promise.all([killOneByOne(), killOneByOne()])
    expect(calls).toBeGreaterThan(30)
    console.info(
      `killed before ${STEP === 1 ? 'each' : `one in ${STEP}`} of ${calls - 2 * STEP} calls or more`,
    )
  })
})

describe('a process that is killed while it moves a file', () => {
  const random = createRandom(SEED)
  const calls = ['linkSync', 'unlinkSync', ...Array.from({ length: 3 }, () => 1 + Math.floor(random() * 20))]

  it.each(calls)(
    'leaves it one name at least, and the plan again ends with the new one (%s)',
    async (kill) => {
      console.info(`VOUCH_SEED=${SEED}`)
      const { root } = await createScene()
      const other = createMemoryStorage({ 'dir/moved': 'before' })
      const storages = () => [openStorage(root, { writable: true }), other]
      const post = async (path: string, body: unknown) => {
        const app = coordinate(storages(), { writable: true })
        const headers = { 'Content-Type': 'application/json' }
        return await (await app.request(path, { method: 'POST', headers, body: JSON.stringify(body) })).text()
      }
      const plan = await post('/plan', { prefix: '', match: [], exclude: [], rules: [], moves: true })
      const scene = { root, stays: new Map(), known: new Map() }
      const { signal } = await write(scene, { seed: SEED, puts: 0, kill })
      if (typeof kill === 'string') expect(signal).toBe('SIGKILL')
      const names = ['a', 'dir/moved'].filter((name) => existsSync(join(root, name)))
      expect(names).not.toEqual([])
      if (kill === 'unlinkSync') expect(names).toHaveLength(2)
      expect(await post('/apply', JSON.parse(plan))).toMatch(/"outcome":"(done|already)"/)
      expect(readFileSync(join(root, 'dir/moved'), 'utf8')).toBe('before')
      expect([existsSync(join(root, 'a')), lstatSync(join(root, 'dir/moved')).nlink]).toEqual([false, 1])
    },
  )
})

describe('several processes that write to one directory', () => {
  it('lose no content', { timeout: 300_000 }, async () => {
    console.info(`VOUCH_SEED=${SEED}`)
    const scene = await createScene()
    const ended = await Promise.all([1, 2, 3].map((n) => write(scene, { seed: SEED + n * 1000, puts: 60 })))
    expect(ended).toEqual(Array(3).fill({ status: 0, signal: null }))
    await expectNothingLost(scene)
  })
})
