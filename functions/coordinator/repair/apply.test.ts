import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readAll, toChunks } from '../../bytes/chunks.ts'
import { createMemoryStorage } from '../../storage/memory.ts'
import type { PutOptions, Storage, WritableStorage } from '../../storage/storage.ts'
import { createSource, toPut } from '../../storage/suite/suite-tools.suite.ts'
import type { ApplyLine, Plan } from '../../wire/schemas/plan.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { coordinate } from '../set-up.suite.ts'
import { createState } from '../state.ts'

type Memory = ReturnType<typeof createMemoryStorage>

/** The fate of the nth put: not done, done with its answer lost, or done. */
type Fate = 'before' | 'after' | 'well'

const NAMES = ['a', 'b', 'dir/c', 'dir/d', 'é']
const CONTENTS = ['', 'one', 'two', 'three', 'x'.repeat(100_000)]

/** By name, the index of a content in `CONTENTS`. */
const tree = fc.dictionary(fc.constantFrom(...NAMES), fc.nat(CONTENTS.length - 1))
const world = fc.record({
  trees: fc.array(tree, { minLength: 2, maxLength: 3 }),
  policy: fc.constantFrom('fill-missing', 'newest', 'majority', { keep: 'r0' }),
  fates: fc.array(fc.constantFrom<Fate[]>('before', 'after', 'well'), { maxLength: 8 }),
  changes: fc.array(
    fc.record({
      replica: fc.nat(2),
      name: fc.constantFrom(...NAMES),
      to: fc.option(fc.nat(CONTENTS.length - 1)),
    }),
    { maxLength: 3 },
  ),
})

describe('applying a plan', () => {
  it('ends as planned despite failures, loses nothing, and skips copies that changed since', async () => {
    await fc.assert(
      fc.asyncProperty(world, async ({ trees, policy, fates, changes }) => {
        const memories = trees.map(createTree)
        const plan = await makePlan(memories, policy)
        for (const { replica, name, to } of changes) change(memories[replica % memories.length], name, to)
        const before = await Promise.all(memories.map(readTree))

        await apply(
          memories.map((memory, i) => breakPuts(memory, fates.slice(i))),
          plan,
        )
        const lines = await apply(memories, plan)
        const after = await Promise.all(memories.map(readTree))

        for (const [i, memory] of memories.entries()) await requireNothingLost(memory, before[i], after[i])
        requireOnlyPlanned(plan, before, after)
        for (const { name, to, outcome } of lines) {
          const step = plan.steps.find((step) => step.name === name && step.to === to)
          const now = await digestOf(memories[idToIndex(to)], name)
          expect(outcome === 'done' || outcome === 'already').toBe(now === step?.digest)
          if (!changes.some((change) => change.name === name)) expect(now).toBe(step?.digest)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('does nothing when it is applied again', async () => {
    const memories = [createTree({ a: 1, b: 2 }), createTree({ a: 2 })]
    const plan = await makePlan(memories, { keep: 'r0' })
    expect((await apply(memories, plan)).map(({ outcome }) => outcome)).toEqual(['done', 'done'])
    const replicas = memories.map((memory) => breakPuts(memory, Array(9).fill('before')))
    expect((await apply(replicas, plan)).map(({ outcome }) => outcome)).toEqual(['already', 'already'])
  })

  it('skips a step when a replica holds another version than the plan saw', async () => {
    const memories = [createTree({ a: 1 }), createTree({ a: 1 }), createTree({})]
    const plan = await makePlan(memories, 'fill-missing')
    memories[1]?.set('a', 'changed')
    const [line] = await apply(memories, plan)
    expect(line).toMatchObject({ outcome: 'skipped', detail: expect.stringContaining('r1') })
    expect(await readTree(memories[2])).toEqual({})
  })

  it('copies the time, and the permissions of a new file, and reports attributes that were not kept', async () => {
    const source = createTree({})
    const time = Date.UTC(2001, 1, 3, 4, 5, 6, 789)
    const bytes = new TextEncoder().encode('x')
    for (const name of ['dir/new', 'old']) {
      const options = { ...(await toPut(bytes, null)), modified: time }
      await source.put(name, createSource(bytes).body, options)
    }
    const readModes = async () => [0o700, 0o640]
    const target = createTree({ old: 1 })
    const taken = new Map<string, PutOptions>()
    const watching: WritableStorage = {
      ...target,
      async put(name, body, options) {
        taken.set(name, options)
        return { ...(await target.put(name, body, options)), unkept: ['group'] }
      },
    }
    const plan = await makePlan([source, target], { keep: 'r0' })
    const lines = await apply([{ ...source, readModes }, watching], plan)
    expect(lines).toMatchObject([
      { outcome: 'done', unkept: ['group'] },
      { outcome: 'done', unkept: ['group'] },
    ])
    expect(taken.get('dir/new')).toMatchObject({ modified: time, modes: [0o700, 0o640] })
    expect(taken.get('old')).toMatchObject({ modified: time, modes: undefined })
  })

  it('makes a copy that was known to be corrupt sound, though it has the time from before', async () => {
    const state = createState()
    const storages = ['good', 'bad!'].map((text) => createMemoryStorage({ a: text }))
    const [facts] = await Promise.all(storages[0]?.describe(['a']) ?? [])
    if (!facts) throw new Error('it is there')
    const { digest, size, modified } = facts
    if (size === null) throw new Error('its size is known')
    const version = { digest, size, holders: ['server2'], sources: ['server2'], times: [modified] }
    state.corruptCopies.add('server2', version, 'a')
    const app = coordinate(storages, { writable: true, state })
    const body = { prefix: '', match: [], exclude: [], rules: [{ prefix: '', policy: { keep: 'server1' } }] }
    const plan = await (await app.request('/plan', toPost(body))).json()
    expect(await (await app.request('/apply', toPost(plan))).text()).toContain('"outcome":"done"')
    expect((await app.request('/files/a')).headers.get('Replica-Agreement')).toMatch(/^unanimous/)
  })

  it('fails a step for a new file whose permissions a replica cannot read, and writes nothing', async () => {
    const memories = [createTree({ a: 1 }), createTree({})]
    const plan = await makePlan(memories, 'fill-missing')
    const readModes = () => Promise.reject(new StorageError('unreadable', 'cannot be read (EIO)'))
    const [line] = await apply([{ ...createTree({ a: 1 }), readModes }, createTree({})], plan)
    expect(line).toMatchObject({
      outcome: 'failed',
      detail: 'no replica sent its permissions: cannot be read (EIO)',
    })
  })

  it('fails a step when a replica does not answer, and writes nothing', async () => {
    const memories = [createTree({ a: 1 }), createTree({}), createTree({ a: 1 })]
    const plan = await makePlan(memories, 'fill-missing')
    const silent: Storage = {
      ...createTree({}),
      describe: (names) => names.map(async () => Promise.reject(new StorageError('unreachable', 'gone'))),
    }
    const [line] = await apply([...memories.slice(0, 2), silent], plan)
    expect(line).toMatchObject({ outcome: 'failed', detail: 'r2: gone' })
    expect(await readTree(memories[1])).toEqual({})
  })

  it('continues after its client leaves until the last of its current writes ends', async () => {
    const [from, to] = [createMemoryStorage(), createMemoryStorage()]
    for (const name of ['a', 'b', 'c', 'd', 'e']) from.set(name, 'one')
    const writes = new Map(['a', 'b', 'c', 'd'].map((name) => [name, Promise.withResolvers<void>()]))
    const begun: string[] = []
    const slow: WritableStorage = {
      ...to,
      async put(name, body, options) {
        begun.push(name)
        await writes.get(name)?.promise
        return await to.put(name, body, options)
      },
    }
    const plan = await makePlan([from, to], 'fill-missing')
    const answer = await createApp([from, slow]).request('/apply', toPost(plan))
    await expect.poll(() => begun).toHaveLength(writes.size)
    let isOver = false
    const left = answer.body?.cancel().then(() => {
      isOver = true
    })
    writes.get('a')?.resolve()
    await expect.poll(() => digestOf(to, 'a')).toBeDefined()
    for (let i = 0; i < 10; i++) await new Promise(setImmediate)
    expect(isOver).toBe(false)
    for (const { resolve } of writes.values()) resolve()
    await left
    expect(begun.sort()).toEqual(['a', 'b', 'c', 'd'])
  })

  it('returns a valid report for any sizes that a replica claims', async () => {
    const lying = createMemoryStorage()
    for (const name of ['a', 'b']) lying.set(name, 'one')
    const size = Number.MAX_SAFE_INTEGER
    const describe: Storage['describe'] = (names, options) =>
      lying.describe(names, options).map(async (said) => {
        const facts = await said
        return facts && { ...facts, size }
      })
    const plan = await makePlan([{ ...lying, describe }, createMemoryStorage()], 'fill-missing')
    expect(plan).toMatchObject({ steps: [{ size }, { size }], summary: { bytes: size } })
  })

  it('is refused when read-only, for other replicas, without a plan, and with contradictory steps', async () => {
    const memories = [createTree({ a: 1 }), createTree({})]
    const plan = await makePlan(memories, 'fill-missing')
    const [step] = plan.steps
    const post = async (body: unknown, writable = true) => {
      const answer = await createApp(memories, writable).request('/apply', toPost(body))
      return [answer.status, (await answer.json()).type]
    }
    expect(await post(plan, false)).toEqual([403, 'read-only'])
    expect(await post({ ...plan, replicas: ['r0', 'r2'] })).toEqual([400, 'invalid-body'])
    expect(await post({ ...plan, version: 2 })).toEqual([400, 'invalid-body'])
    expect(await post({ ...plan, steps: [{ ...step, name: '../x' }] })).toEqual([400, 'invalid-body'])
    expect(await post({ ...plan, steps: [{ ...step, to: 'r7' }] })).toEqual([400, 'invalid-body'])
    expect(await post({ ...plan, steps: [{ ...step, seen: { r0: null } }] })).toEqual([400, 'invalid-body'])
    expect(await post({ ...plan, steps: [{ ...step, digest: 'abc' }] })).toEqual([400, 'invalid-body'])
    expect(await readTree(memories[1])).toEqual({})
  })
})

function createTree(tree: Record<string, number>): Memory {
  const memory = createMemoryStorage()
  for (const [name, content] of Object.entries(tree)) memory.set(name, CONTENTS[content] ?? '')
  return memory
}

function change(memory: Memory | undefined, name: string, to: number | null): void {
  if (to === null) memory?.delete(name)
  else memory?.set(name, CONTENTS[to] ?? '')
}

/** `storage`, whose nth put has the nth fate. */
function breakPuts(storage: WritableStorage, fates: readonly Fate[]): WritableStorage {
  let puts = 0
  return {
    ...storage,
    async put(name, body, options) {
      const fate = fates[puts++] ?? 'well'
      if (fate === 'before') {
        await body.cancel()
        throw new StorageError('unreachable', 'the connection broke')
      }
      const facts = await storage.put(name, body, options)
      if (fate === 'after') throw new StorageError('unreachable', 'the answer was lost')
      return facts
    },
  }
}

function createApp(storages: readonly Storage[], writable = true) {
  return coordinate(storages, { writable }, (i) => `r${i}`)
}

function toPost(body: unknown): RequestInit {
  return { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
}

async function makePlan(storages: readonly Storage[], policy: unknown): Promise<Plan> {
  const body = { prefix: '', match: [], exclude: [], rules: [{ prefix: '', policy }] }
  const answer = await createApp(storages).request('/plan', toPost(body))
  expect(answer.status).toBe(200)
  return await answer.json()
}

type StepLine = Extract<ApplyLine, { outcome: string }>

async function apply(storages: readonly Storage[], plan: Plan): Promise<StepLine[]> {
  const answer = await createApp(storages).request('/apply', toPost(plan))
  expect(answer.status).toBe(200)
  const lines: ApplyLine[] = (await answer.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const steps = lines.flatMap((line) => ('outcome' in line ? line : []))
  expect(lines.at(-1)).toEqual({ summary: count(steps) })
  expect(steps).toHaveLength(plan.steps.length)
  return steps
}

function count(steps: readonly StepLine[]) {
  const counts = { done: 0, already: 0, skipped: 0, failed: 0 }
  for (const { outcome } of steps) counts[outcome]++
  return counts
}

type Tree = Record<string, string>

async function readTree(memory: Memory | undefined): Promise<Tree> {
  const tree: Tree = {}
  for (const { name } of (await memory?.list())?.entries ?? []) {
    const opened = await memory?.open(name)
    if (opened) tree[name] = new TextDecoder().decode(await readAll(toChunks(opened.body)))
  }
  return tree
}

async function digestOf(memory: Memory | undefined, name: string): Promise<string | undefined> {
  return (await memory?.describe([name])[0])?.digest
}

/** Every earlier content is at its name or kept. */
async function requireNothingLost(memory: Memory, before: Tree = {}, after: Tree = {}): Promise<void> {
  const { entries } = await memory.listKept()
  for (const [name, content] of Object.entries(before)) {
    if (after[name] === content) continue
    const digest = await digestOf(createMemoryStorage({ [name]: content }), name)
    expect(entries.some((kept) => kept.name === name && kept.digest === digest)).toBe(true)
  }
}

/** Every changed file holds what a step names. */
function requireOnlyPlanned(plan: Plan, before: readonly Tree[], after: readonly Tree[]): void {
  for (const [i, tree] of after.entries()) {
    for (const name of NAMES) {
      if (tree[name] === before[i]?.[name]) continue
      expect(plan.steps.some((step) => step.name === name && idToIndex(step.to) === i)).toBe(true)
    }
  }
}

function idToIndex(id: string): number {
  return Number(id.slice(1))
}
