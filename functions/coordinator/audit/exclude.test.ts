import { expect, it } from 'vitest'
import { createMemoryStorage } from '../../storage/memory.ts'
import { MAX_GLOBS } from '../../wire/limits.ts'
import type { Audited } from '../observer.ts'
import { coordinate } from '../set-up.suite.ts'
import { readResult, toRows } from './audit.suite.ts'

const EXCLUDE = ['.DS_Store', '**/@eaDir/']

/**
 * A coordinator that excludes what two systems leave in folders, and the audits that its observer hears of.
 */
function create(exclude: readonly string[] = EXCLUDE) {
  const heard: Audited[] = []
  const observer = {
    ...{ onAsked() {}, onFailed() {}, onBreaker() {} },
    onAudited: (one: Audited) => void heard.push(one),
  }
  const storages = [
    createMemoryStorage({ '.DS_Store': 'a', 'd/.DS_Store': 'a', 'd/@eaDir/x.jpg': 'a', 'd/f': 'a', g: 'a' }),
    createMemoryStorage({ '.DS_Store': 'b', 'd/f': 'b' }),
  ]
  return { app: coordinate(storages, { exclude, observer }), heard }
}

it('an audit compares no name that the coordinator excludes, and its summary has the globs', async () => {
  const { app } = create()
  for (const query of ['', '?all', '?max-age=0']) {
    const result = await readResult(await app.request(`/audit${query}`))
    expect(toRows(result)).toEqual(['d/f: differ differ', 'g: match missing'])
    expect(result.summary).toMatchObject({ names: 2, exclude: EXCLUDE })
  }
})

it('a request excludes more, and brings nothing back', async () => {
  const { app } = create()
  const rows = async (query: string) => toRows(await readResult(await app.request(`/audit?${query}`)))
  expect(await rows('exclude=g')).toEqual(['d/f: differ differ'])
  expect(await rows('match=.DS_Store')).toEqual([])
})

it('an audit counts as whole unless its request leaves out more than the coordinator', async () => {
  const { app, heard } = create()
  for (const query of ['', '?exclude=.DS_Store', '?exclude=g', '?match=g']) {
    await readResult(await app.request(`/audit${query}`))
  }
  expect(heard.map(({ isWhole }) => isWhole)).toEqual([true, true, false, false])
})

it('a plan has no step for an excluded name', async () => {
  const { app } = create()
  const body = JSON.stringify({ prefix: '', match: [], exclude: [], rules: [] })
  const response = await app.request('/plan', {
    ...{ method: 'POST', headers: { 'Content-Type': 'application/json' }, body },
  })
  expect(await response.json()).toMatchObject({ steps: [{ name: 'g' }], summary: { left: 1 } })
})

it('listings and pages show no excluded name; a read of one by its name compares it', async () => {
  const { app } = create()
  const listing = await app.request('/files')
  expect(await listing.json()).toMatchObject({ entries: [{ name: 'd/f' }, { name: 'g' }], next: null })
  const shown = async (path: string) =>
    await (await app.request(path, { headers: { Accept: 'text/html' } })).text()
  expect(await shown('/?in=d/')).not.toMatch(/DS_Store|eaDir/)
  expect(await shown('/check?run=yes')).toContain('.DS_Store, **/@eaDir/')
  expect((await app.request('/files/.DS_Store')).status).toBe(409)
})

it('a request with too many globs beside those of the coordinator is refused, and too many of its own throw', async () => {
  const { app } = create()
  const ask = async (count: number) => {
    const query = new URLSearchParams(Array.from({ length: count }, (_, i) => ['exclude', `x${i}`]))
    const response = await app.request(`/audit?${query}`)
    return response.status === 200 ? 200 : await response.json()
  }
  expect(await ask(MAX_GLOBS - 2)).toBe(200)
  expect(await ask(MAX_GLOBS - 1)).toMatchObject({
    detail: expect.stringMatching(/64 globs at most.*; 2 of exclude are set at this coordinator$/),
  })
  expect(() => create(Array.from({ length: MAX_GLOBS + 1 }, (_, i) => `x${i}`))).toThrow('64 globs at most')
})
