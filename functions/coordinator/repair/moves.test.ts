import { describe, expect, it, vi } from 'vitest'
import { createMemoryStorage, type MemoryStorage } from '../../storage/memory.ts'
import type { WritableStorage } from '../../storage/storage.ts'
import { hash, toBytes } from '../../storage/suite/set-up.suite.ts'
import type { ApplyLine, PlanStep } from '../../wire/schemas/plan.ts'
import type { Policy } from '../../wire/schemas/policy.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { coordinate } from '../set-up.suite.ts'

/** Nothing is written that was not there, so no replica takes bytes. */
function createReplica(files: Record<string, string>) {
  const storage = createMemoryStorage(files)
  return { ...storage, put: vi.fn(storage.put) }
}

type Tree = Readonly<Record<string, string>>

const toApp = (replicas: readonly WritableStorage[]) =>
  coordinate(replicas, { writable: true }, (i) => `r${i}`)

async function post(replicas: readonly WritableStorage[], path: string, body: unknown): Promise<string> {
  const headers = { 'Content-Type': 'application/json' }
  return await (
    await toApp(replicas).request(path, { method: 'POST', headers, body: JSON.stringify(body) })
  ).text()
}

async function makePlan(replicas: readonly WritableStorage[], policy: Policy = 'fill-missing', moves = true) {
  const rules = [{ prefix: '', policy }]
  return JSON.parse(await post(replicas, '/plan', { prefix: '', match: [], exclude: [], rules, moves }))
}

async function apply(replicas: readonly WritableStorage[], plan: unknown) {
  const lines: ApplyLine[] = (await post(replicas, '/apply', plan))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  return lines.flatMap((line) => ('outcome' in line ? line : []))
}

const toTexts = ({ steps }: { steps: readonly PlanStep[] }) =>
  steps.map(({ from, name, to }) => `${to}: ${from === undefined ? '' : `${from} -> `}${name}`)

async function readNames(storage: MemoryStorage): Promise<string[]> {
  return (await storage.list()).entries.map(({ name }) => name)
}

describe('a plan with moves', () => {
  const old = { old: 'x' }
  const renamed = { new: 'x' }

  it.each<[string, Tree[], Policy, string[]]>([
    ['follows a rename', [old, old, renamed], 'fill-missing', ['r0: old -> new', 'r1: old -> new']],
    ['follows it on the second of two', [old, renamed], 'newest', ['r0: old -> new']],
    ['takes the name that a replica has', [old, old, renamed], { keep: 'r1' }, ['r2: new -> old']],
    ['takes the new name that a replica has', [old, renamed], { keep: 'r1' }, ['r0: old -> new']],
    ['takes the name of most', [old, old, renamed], 'majority', ['r2: new -> old']],
    ['follows the rename of half', [old, renamed], 'majority', ['r0: old -> new']],
    [
      'copies what a replica has under neither name',
      [old, {}, renamed],
      'fill-missing',
      ['r0: new', 'r1: new', 'r1: old', 'r2: old'],
    ],
    ['copies what a replica has under both', [{ ...old, ...renamed }, old], 'fill-missing', ['r1: new']],
    ['copies another content', [old, { new: 'y' }], 'fill-missing', ['r0: new', 'r1: old']],
    ['copies one of three', [{ a: 'x', b: 'x' }, { c: 'x' }], 'fill-missing', ['r0: a -> c', 'r1: b']],
  ])('%s', async (_, trees, policy, texts) => {
    const replicas = trees.map((tree) => createReplica({ same: 'same', ...tree }))
    const plan = await makePlan(replicas, policy)
    expect(toTexts(plan).sort()).toEqual([...texts].sort())
    const moves = texts.filter((text) => text.includes('->')).length
    expect(plan.summary).toMatchObject({ steps: texts.length, moves, bytes: texts.length - moves })
    expect(await apply(replicas, plan)).toEqual(texts.map(() => expect.objectContaining({ outcome: 'done' })))
    const [names, ...others] = await Promise.all(replicas.map(readNames))
    for (const other of others) expect(other).toEqual(names)
  })

  it('has none unless they are asked for', async () => {
    const plan = await makePlan([createReplica(old), createReplica(renamed)], 'fill-missing', false)
    expect(toTexts(plan)).toEqual(['r0: new', 'r1: old'])
    expect(plan.summary).not.toHaveProperty('moves')
  })

  it('moves a folder of 500 files without a byte, and does nothing when it is applied again', async () => {
    const toFolder = (folder: string) =>
      Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`${folder}/${i % 7}/${i}`, `text ${i}`]))
    const replicas = [createReplica(toFolder('old name')), createReplica(toFolder('new'))]
    const plan = await makePlan(replicas)
    expect(plan.summary).toMatchObject({ steps: 500, moves: 500, bytes: 0 })
    expect((await apply(replicas, plan)).filter(({ outcome }) => outcome === 'done')).toHaveLength(500)
    expect(new Set(await readNames(replicas[0] ?? createMemoryStorage()))).toEqual(
      new Set(Object.keys(toFolder('new'))),
    )
    expect((await apply(replicas, plan)).filter(({ outcome }) => outcome === 'already')).toHaveLength(500)
    for (const { put } of replicas) expect(put).not.toHaveBeenCalled()
  })
})

describe('a move', () => {
  it.each<[string, (replicas: readonly MemoryStorage[]) => void]>([
    ['another content at the old name', ([first]) => first?.set('old', 'y')],
    ['no file at the old name', ([first]) => first?.delete('old')],
    ['a file at the new name', ([first]) => first?.set('new', 'y')],
    ['another content elsewhere', ([, second]) => second?.set('new', 'y')],
    ['the old name elsewhere too', ([, second]) => second?.set('old', 'x')],
  ])('is skipped when there is %s since the plan', async (_, change) => {
    const replicas = [createReplica({ old: 'x' }), createReplica({ new: 'x' })]
    const plan = await makePlan(replicas)
    change(replicas)
    const before = await Promise.all(replicas.map(readNames))
    expect(await apply(replicas, plan)).toMatchObject([{ from: 'old', name: 'new', outcome: 'skipped' }])
    expect(await Promise.all(replicas.map(readNames))).toEqual(before)
  })

  it('gives new directories the permissions that they have where the file has its new name', async () => {
    const [first, second] = [createReplica({ old: 'x' }), createReplica({ 'dir/new': 'x' })]
    const move = vi.fn(async (_from: string, _to: string, _options: object) => {})
    const replicas = [
      { ...first, move },
      { ...second, readModes: async () => [0o700, 0o640] },
    ]
    const [line] = await apply(replicas, await makePlan(replicas))
    const digest = await hash(toBytes('x'))
    expect(move.mock.lastCall).toMatchObject(['old', 'dir/new', { digest, modes: [0o700, 0o640] }])
    // The replica is asked afterwards.
    expect(line).toMatchObject({ outcome: 'failed', detail: expect.stringContaining('or still has old') })
  })

  it('fails in a store that cannot move, and when a replica does not answer', async () => {
    const [{ move: _, ...fixed }, other] = [createReplica({ old: 'x' }), createReplica({ new: 'x' })]
    const plan = await makePlan([fixed, other])
    expect(await apply([fixed, other], plan)).toMatchObject([
      {
        outcome: 'failed',
        detail: expect.stringContaining('r0: the store of this replica cannot move files'),
      },
    ])
    const fail = () => Promise.reject(new StorageError('unreachable', 'gone'))
    const silent = { ...other, describe: (names: readonly string[]) => names.map(fail) }
    expect(await apply([fixed, silent], plan)).toMatchObject([{ outcome: 'failed', detail: 'r1: gone' }])
  })

  it('is refused of a plan that saw its new name taken, or has no valid old name', async () => {
    const replicas = [createReplica({ old: 'x' }), createReplica({ new: 'x' })]
    const plan = await makePlan(replicas)
    const [step] = plan.steps
    for (const wrong of [{ from: '../x' }, { from: 'new' }, { seen: { ...step.seen, r0: step.digest } }])
      expect(await post(replicas, '/apply', { ...plan, steps: [{ ...step, ...wrong }] })).toContain(
        'invalid-body',
      )
  })
})
