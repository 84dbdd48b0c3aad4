import { closeSync, linkSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { SurveyLine } from '../../../functions/storage/survey/survey.ts'
import { MAX_LISTING_PAGE } from '../../../functions/wire/limits.ts'
import { createTestDirectory, later, openStorage, type TestDirectory } from '../directory-setup.suite.ts'
import { MAX_DIRECTORY_ENTRIES } from '../limits.ts'

// tree-walk.test.ts tests the same with small directories, by smaller limits.

const COUNT = 140_000
/** Fewer than a file of ext4 may have names. */
const LINKS = 60_000
const toName = (i: number) => `large/${String(i).padStart(6, '0')}`
const WHOLE = { ranges: [{ after: '', until: null }], prefix: '', maxAge: null, match: [], exclude: [] }

let directory: TestDirectory
beforeAll(async () => {
  directory = await createTestDirectory()
  mkdirSync(join(directory.root, 'large'))
  for (let i = 0; i < COUNT; i++) {
    const path = join(directory.root, toName(i))
    if (i % LINKS === 0) closeSync(openSync(path, 'w'))
    else linkSync(join(directory.root, toName(i - (i % LINKS))), path)
  }
})
afterAll(() => directory.close())

it('a directory with more entries than are read at once is surveyed completely and in order', async () => {
  const storage = openStorage(directory.root, { now: later })
  expect(COUNT).toBeGreaterThan(2 * MAX_DIRECTORY_ENTRIES)
  let [next, names] = [0, 0]
  let last: SurveyLine | undefined
  for await (const line of storage.survey?.({ ...WHOLE, grain: 0 }) ?? []) {
    if ('name' in line && line.name === toName(next)) next++
    if ('name' in line) names++
  }
  expect([next, names]).toEqual([COUNT, COUNT])
  for await (const line of storage.survey?.({ ...WHOLE, grain: 30 }) ?? []) if ('last' in line) last = line
  expect(last).toMatchObject({ last: null, names: COUNT % 65_536 })
})

it('such a directory is listed page by page, completely and in order', async () => {
  const storage = openStorage(directory.root)
  const starts = [
    0,
    1,
    MAX_DIRECTORY_ENTRIES - 1,
    MAX_DIRECTORY_ENTRIES,
    2 * MAX_DIRECTORY_ENTRIES,
    COUNT - 500,
  ]
  for (const start of starts) {
    const page = await storage.list({ after: start === 0 ? '' : toName(start - 1) })
    const expected = Array.from({ length: Math.min(MAX_LISTING_PAGE, COUNT - start) }, (_, i) =>
      toName(start + i),
    )
    expect(page.entries.map(({ name }) => name)).toEqual(expected)
    expect(page.next).toBe(start + MAX_LISTING_PAGE < COUNT ? expected.at(-1) : null)
  }
})
