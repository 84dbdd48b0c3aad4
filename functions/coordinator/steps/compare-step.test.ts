import { expect, it } from 'vitest'
import type { Storage } from '../../storage/storage.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { createTreeStorage, toFacts } from '../audit/audit.suite.ts'
import { createContext } from '../coordinator.ts'
import { createHasher } from '../set-up.suite.ts'
import { compareStep } from './compare-step.ts'
import type { Step, StepLedger } from './step-ledger.ts'

/** Does the one step of a part; the second of its replicas lacks a name, and fails when asked for it. */
async function doStep(error: StorageError, isLast: boolean) {
  const tree = new Map(['a', 'b', 'c'].map((name, i) => [name, toFacts(i)]))
  const second = createTreeStorage(new Map([...tree].filter(([name]) => name !== 'b')))
  const storages = [createTreeStorage(tree), { ...second, describe: toFailing(second, error) }]
  const replicas = storages.map((storage, i) => ({ id: `server${i + 1}`, storage }))
  const { members, corruptCopies, exclude, deadlines } = createContext(replicas, { createHasher })
  const noted: Step[] = []
  const position = { audit: 1, part: 0, nth: 0, after: '', until: null }
  const ledger = {
    findPosition: async () => position,
    noteStep: async (step: Step) => {
      noted.push(step)
      return null
    },
  } as Partial<StepLedger> as StepLedger // a step calls nothing else
  const budget = { names: 100, differing: 100, calls: 100, bytes: 100 }
  await compareStep(position, isLast, {
    ...{ members, corruptCopies, exclude, deadlines, createHasher },
    ...{ ledger, budget, maxAge: null },
  })
  return noted
}

/** Fails for the name that the replica lacks, which its survey does not ask for. */
function toFailing(storage: Storage, error: StorageError): Storage['describe'] {
  return (names, options) =>
    storage.describe(names, options).map((facts, i) => (names[i] === 'b' ? Promise.reject(error) : facts))
}

it('a range in which a replica did not answer for a name is tried again, and not verified at last', async () => {
  const error = new StorageError('unreachable', 'the replica was silent')
  await expect(doStep(error, false)).rejects.toThrow('server2: the replica was silent')
  const [step] = await doStep(error, true)
  expect(step).toMatchObject({
    reached: null,
    summary: { agreement: 'degraded', replicas: [{ state: 'ok' }, { state: 'error' }] },
  })
})

it('a range with a file that a replica cannot read is compared, and that is what was found', async () => {
  const [step] = await doStep(new StorageError('unreadable', 'it cannot be read'), false)
  expect(step?.summary).toMatchObject({ agreement: 'degraded', replicas: [{ state: 'ok' }, { state: 'ok' }] })
})
