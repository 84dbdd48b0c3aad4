import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compareNames } from '../../functions/storage/names.ts'
import type { StartWorld, World } from './world.suite.ts'

/** Two servers whose trees are the same, except one file that differs, and one missing on each side. */
const TREES = {
  server1: { ...createSame(), differs: 'one', 'folder/only on 1': 'x' },
  server2: { ...createSame(), differs: 'two', 'folder/only on 2': 'y' },
}

function createSame(): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: 120 }, (_, i) => [`same/${i % 7}/file ${i}`, `content ${i}`]),
  )
}

/** Whole trees, through a coordinator. */
export function describeTrees(start: StartWorld): void {
  describe('the trees of two servers', () => {
    let world: World
    beforeAll(async () => {
      world = await start(TREES)
    })
    afterAll(() => world.close())

    async function readAudit(query = '') {
      const response = await world.fetch(`/audit${query}`)
      expect([response.status, response.headers.get('Content-Type')]).toEqual([200, 'application/x-ndjson'])
      const lines = (await response.text())
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
      const { summary } = lines.at(-1)
      return { summary, reported: lines.filter(({ name }) => name !== undefined) }
    }

    it('are compared: every name that is not the same on both, and a summary', async () => {
      const { reported, summary } = await readAudit()
      expect(reported.map(({ name, agreement }) => [name, agreement])).toEqual([
        ['differs', 'conflict'],
        ['folder/only on 1', 'incomplete'],
        ['folder/only on 2', 'incomplete'],
      ])
      expect(summary).toMatchObject({
        agreement: 'conflict',
        names: 123,
        agreements: { unanimous: 120, conflict: 1, incomplete: 2 },
      })
    })

    it('are reported name by name on request', async () => {
      const { reported } = await readAudit('?all&prefix=same/')
      expect(reported).toHaveLength(120)
      expect(reported.every(({ agreement }) => agreement === 'unanimous')).toBe(true)
    })

    it('are listed together, page by page', async () => {
      const names: string[] = []
      for (let after: string | null = ''; after !== null; ) {
        const page = await (await world.fetch(`/files?limit=50&after=${encodeURIComponent(after)}`)).json()
        for (const { name } of page.entries) names.push(name)
        after = page.next
      }
      expect(names).toEqual([...new Set(Object.values(TREES).flatMap(Object.keys))].sort(compareNames))
    })

    it('get a plan that makes them the same, and refuse writes of clients without access', async () => {
      const json = { method: 'POST', headers: { 'Content-Type': 'application/json' } }
      const rules = [{ prefix: '', policy: { keep: 'server1' } }]
      const asked = JSON.stringify({ prefix: '', match: [], exclude: [], rules })
      const plan = await (await world.fetch('/plan', { ...json, body: asked })).json()
      expect(plan.steps.map(({ name, to }: { name: string; to: string }) => [name, to])).toEqual([
        ['differs', 'server2'],
        ['folder/only on 1', 'server2'],
        ['folder/only on 2', 'server1'],
      ])
      const applied = await world.fetch('/apply', { ...json, body: JSON.stringify(plan) })
      expect([applied.status, (await applied.json()).type]).toEqual([403, 'read-only'])
    })

    it('are degraded, without missing names, when one server is down', async () => {
      await world.stop('server2')
      const { reported, summary } = await readAudit()
      expect(reported).toEqual([])
      expect(summary).toMatchObject({ agreement: 'degraded', names: 122, agreements: { degraded: 122 } })
      expect(summary.replicas.map(({ state }: { state: string }) => state)).toEqual(['ok', 'error'])
    })
  })
}
