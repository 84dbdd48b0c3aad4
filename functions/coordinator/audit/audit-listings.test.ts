import { expect, it } from 'vitest'
import type { Storage } from '../../storage/storage.ts'
import { MAX_LISTING_PAGE } from '../../wire/limits.ts'
import { audit, createTreeStorage, toFacts, toRows } from './audit.suite.ts'

/**
 * Storages whose nth listing resolves only once the others have been asked for theirs, too, or have listed
 * all: whoever lists one after the other waits for ever.
 */
function inStep(storages: readonly Storage[]) {
  const asked = storages.map(() => 0)
  let changed = Promise.withResolvers<void>()
  function note(i: number, times: number): void {
    asked[i] = times
    changed.resolve()
    changed = Promise.withResolvers()
  }
  const together = storages.map((storage, i): Storage => {
    let times = 0
    return {
      ...storage,
      async list(options) {
        const nth = ++times
        note(i, nth)
        while (asked.some((other) => other < nth)) await changed.promise
        const page = await storage.list(options)
        if (page.next === null) note(i, Number.POSITIVE_INFINITY)
        return page
      },
    }
  })
  return together
}

it.each(['', '?all'])('lists all replicas at once, where they differ too (%s)', async (query) => {
  const names = Array.from({ length: 6 * MAX_LISTING_PAGE }, (_, i) => String(i).padStart(5, '0'))
  const tree = new Map(names.map((name) => [name, toFacts(1)]))
  const other = new Map([...tree].slice(1))
  const storages = inStep([createTreeStorage(tree), createTreeStorage(other)])
  const result = await audit(storages, query)
  expect(toRows(result)[0]).toBe('00000: match missing')
  expect(result.summary.names).toBe(names.length)
})
