import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Facts } from '../../storage/facts.ts'
import type { Storage } from '../../storage/storage.ts'
import type { AuditSummary } from '../../wire/schemas/audit.ts'
import { audit, createTreeStorage, toFacts } from '../audit/audit.suite.ts'
import { createContext } from '../coordinator.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { createHasher, refusing } from '../set-up.suite.ts'
import { compareStep, type StepContext } from './compare-step.ts'
import { type DoStep, runPart } from './run-part.ts'
import type { StepLedger } from './step-ledger.ts'

type WholeLedger = Ledger & StepLedger

const SIZES = { stepNames: 5, mostParts: 4 }
const BUDGET = { names: 5, differing: 4, calls: 1000, bytes: 100 }
const LAST_YEAR = Date.UTC(2025, 0, 1)

/** Trees as their names and contents; a content of null is a file that the replica lacks. */
type Trees = readonly ReadonlyMap<string, number>[]

function toStorages(trees: Trees): Storage[] {
  return trees.map((tree) =>
    createTreeStorage(new Map([...tree].map(([name, n]): [string, Facts] => [name, toFacts(n)]))),
  )
}

function toContext(
  storages: readonly Storage[],
  ledger: StepLedger,
  maxAge: number | null = null,
): StepContext {
  const replicas = storages.map((storage, i) => ({ id: `server${i + 1}`, storage }))
  const { members, corruptCopies, exclude, deadlines } = createContext(replicas, { createHasher })
  return { members, corruptCopies, exclude, deadlines, createHasher, ledger, budget: BUDGET, maxAge }
}

/** An engine that tries each step four times; `fate` decides what becomes of each try. */
function createEngine(fate: () => 'done' | 'lost before' | 'lost after' | 'twice'): DoStep {
  return async (_, step) => {
    for (let left = 3; ; left--) {
      try {
        const what = fate()
        if (what === 'lost before') throw new Error('lost before the step')
        if (what === 'twice') await step()
        const result = await step()
        if (what === 'lost after') throw new Error('lost after the step')
        return result
      } catch (error) {
        if (left === 0) throw error
      }
    }
  }
}

const doOnce = createEngine(() => 'done')

/** Does all parts of a run at the same time, until it has ended, and begins again each that breaks off. */
async function runAll(
  began: number,
  context: StepContext,
  doStep: DoStep = doOnce,
): Promise<readonly AuditSummary[]> {
  const { audit, parts } = await context.ledger.beginRun(began, SIZES)
  const outcomes = await Promise.all(
    parts.map(async (_, part) => {
      for (;;) {
        try {
          return await runPart({ audit, part }, doStep, context)
        } catch {
          // The part is begun again, from where the ledger says that it stands.
        }
      }
    }),
  )
  expect(await context.ledger.openRun()).toBeNull()
  return outcomes.filter((outcome) => outcome !== null)
}

const toName = (i: number) => `file ${String(i).padStart(3, '0')}`
const createTree = (count: number, changes: Readonly<Record<number, number>> = {}) =>
  new Map(Array.from({ length: count }, (_, i): [string, number] => [toName(i), changes[i] ?? 0]))

/** What a ledger of runs in steps promises, on any store: `open` returns a new one, which is empty. */
export function describeStepLedger(title: string, open: () => WholeLedger, runs: number): void {
  const listNames = async (ledger: Ledger) =>
    (await ledger.list({ after: '', limit: 1000 })).entries.map(({ name }) => name)

  describe(title, () => {
    it('has no run before the first', async () => {
      const ledger = open()
      expect(await ledger.openRun()).toBeNull()
      expect(await ledger.spans()).toEqual([])
    })

    it('begins one run at a time, and each once', async () => {
      const ledger = open()
      const first = await ledger.beginRun(LAST_YEAR, SIZES)
      expect(first.parts).toEqual([{ audit: first.audit, part: 0, nth: 0, after: '', until: null }])
      expect(await ledger.beginRun(LAST_YEAR, SIZES)).toEqual(first)
      expect(await ledger.beginRun(LAST_YEAR + 1, SIZES)).toEqual(first)
      expect(await ledger.openRun()).toEqual(first)
      await runAll(LAST_YEAR, toContext(toStorages([createTree(3)]), ledger))
      expect(await ledger.beginRun(LAST_YEAR, SIZES)).toEqual({ ...first, parts: [null] })
      expect((await ledger.beginRun(LAST_YEAR + 1, SIZES)).audit).not.toBe(first.audit)
    })

    it('cuts a run into parts of the same size at the ends of the steps of the last', async () => {
      const ledger = open()
      const context = toContext(toStorages([createTree(41), createTree(41)]), ledger, 1000)
      await runAll(LAST_YEAR, context)
      const spans = await ledger.spans()
      expect(spans.map(({ names }) => names)).toEqual([5, 5, 5, 5, 5, 5, 5, 5, 1])
      const { parts } = await ledger.beginRun(LAST_YEAR + 1, SIZES)
      expect(parts.map((part) => [part?.after, part?.until])).toEqual([
        ['', toName(14)],
        [toName(14), toName(24)],
        [toName(24), toName(34)],
        [toName(34), null],
      ])
      await runAll(LAST_YEAR + 1, context)
      expect((await ledger.status()).last?.summary).toMatchObject({ names: 41, agreement: 'unanimous' })
    })

    it('records a step once, whatever a second one with its number has found', async () => {
      const ledger = open()
      const context = toContext(toStorages([createTree(8), createTree(8, { 2: 1, 6: 1 })]), ledger, 1000)
      await runAll(LAST_YEAR, context)
      const { summary } = (await ledger.status()).last ?? {}
      const { audit } = await ledger.beginRun(LAST_YEAR + 1, SIZES)
      const first = await ledger.findPosition(audit, 0)
      if (first === null || summary == null) throw new Error('the run has no first step')
      const second = await compareStep(first, false, context)
      const step = { ...first, reached: null, began: 0, ended: 0, summary }
      expect(await ledger.noteStep(step, [])).toEqual(second)
      expect(await ledger.findPosition(audit, 0)).toEqual(second)
      expect(await listNames(ledger)).toEqual([2, 6].map(toName))
      await runAll(LAST_YEAR + 1, context)
      expect((await ledger.spans()).map(({ names }) => names)).toEqual([5, 3])
    })

    it('counts what is new and what has settled over all steps of a run', async () => {
      const ledger = open()
      const run = (day: number, changes: Readonly<Record<number, number>>) =>
        runAll(
          LAST_YEAR + day,
          toContext(toStorages([createTree(30), createTree(30, changes)]), ledger, 1000),
        )
      const [first] = await run(0, { 1: 1, 12: 1, 25: 1 })
      expect(first).not.toHaveProperty('changes')
      const [second, ...none] = await run(1, { 12: 1, 13: 1, 29: 1 })
      expect(none).toEqual([])
      expect(second).toMatchObject({
        names: 30,
        changes: { was: 'conflict', new: 2, examples: [toName(13), toName(29)], settled: 2 },
      })
      expect(await listNames(ledger)).toEqual([12, 13, 29].map(toName))
    })

    it('records a range as unverified in which a replica fails each time, and verifies it the next time', async () => {
      const ledger = open()
      const [good, other] = toStorages([createTree(20), createTree(20, { 3: 1, 7: 1, 17: 1 })])
      if (good === undefined || other === undefined) throw new Error('there are two')
      await runAll(LAST_YEAR, toContext([good, other], ledger, 1000))
      const known = await listNames(ledger)
      let asked = 0
      const failing: Storage = {
        ...other,
        async list(options) {
          // Fails for the names after the fifth, each of four times, and is whole again for the last five.
          const after = options?.after ?? ''
          if (after >= toName(4) && after < toName(14)) {
            asked++
            throw new Error('the bucket fails')
          }
          return await other.list(options)
        },
      }
      const [summary] = await runAll(LAST_YEAR + 1, toContext([good, failing], ledger, 1000))
      expect(asked).toBeGreaterThanOrEqual(8)
      expect(summary).toMatchObject({
        ...{ names: 20, agreement: 'conflict', agreements: { degraded: 10, unanimous: 8, conflict: 2 } },
        unverified: { ranges: 1, examples: [{ after: toName(4), until: toName(14) }] },
        replicas: [{ state: 'ok' }, { state: 'error', detail: expect.any(String) }],
        changes: { new: 0, settled: 0 },
      })
      expect(await listNames(ledger)).toEqual(known)
      const [next] = await runAll(LAST_YEAR + 2, toContext([good, other], ledger, 1000))
      expect(next).toMatchObject({ agreements: { unanimous: 17, conflict: 3 } })
      expect(next).not.toHaveProperty('unverified')
    })

    it('ends, without agreement, when no replica answers', async () => {
      const ledger = open()
      const [summary] = await runAll(LAST_YEAR, toContext([refusing, refusing], ledger))
      expect(summary).toMatchObject({
        ...{ agreement: 'unknown', names: 0 },
        unverified: { ranges: 1, examples: [{ after: '', until: null }] },
      })
    })

    it('does not take an empty replica for one range, however many names the other holds', async () => {
      const ledger = open()
      const [summary] = await runAll(LAST_YEAR, toContext(toStorages([createTree(900), new Map()]), ledger))
      expect(summary).toMatchObject({ names: 900, agreements: { incomplete: 900 } })
      expect((await ledger.spans()).length).toBeGreaterThan(3)
    })

    it('finds the same as one audit of all, whatever is lost, done twice or begun again', async () => {
      const tree = fc
        .dictionary(fc.nat(80).map(toName), fc.nat(2), { maxKeys: 60 })
        .map((one) => new Map(Object.entries(one)))
      const fates = fc.infiniteStream(
        fc.constantFrom('done', 'done', 'done', 'lost before', 'lost after', 'twice'),
      )
      await fc.assert(
        fc.asyncProperty(
          ...[fc.tuple(tree, tree), fc.tuple(tree, tree), fates, fc.constantFrom(null, 1000)],
          async (before, trees, fates, maxAge) => {
            const ledger = open()
            const doStep = createEngine(() => fates.next().value)
            await runAll(LAST_YEAR, toContext(toStorages(before), ledger, maxAge), doStep)
            const outcomes = await runAll(LAST_YEAR + 1, toContext(toStorages(trees), ledger, maxAge), doStep)
            const { manifests, summary } = await audit(toStorages(trees), '?max-age=1000')
            expect(outcomes.length).toBeLessThanOrEqual(1)
            const last = (await ledger.status()).last?.summary
            expect(last).toMatchObject({ ...summary, agreement: summary.agreement, replicas: [{}, {}] })
            expect(await listNames(ledger)).toEqual(manifests.map(({ name }) => name))
          },
        ),
        { numRuns: runs },
      )
    })
  })
}
