import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createTreeStorage, type Tree, toFacts } from '../../../functions/coordinator/audit/audit.suite.ts'
import { createCoordinator } from '../../../functions/coordinator/coordinator.ts'
import type { Storage } from '../../../functions/storage/storage.ts'
import { parseJson } from '../../../functions/wire/json/parse.ts'
import { type AuditLine, auditLine } from '../../../functions/wire/schemas/audit.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { createHasher } from '../hasher.ts'
import { serve } from './serve.ts'

// So small that a few dozen names pass through every step, with progress after each page.
vi.mock('../../../functions/wire/limits.ts', async (load) => ({
  ...(await load<typeof import('../../../functions/wire/limits.ts')>()),
  SPAN_GRAINS: [3, 2, 1],
  MAX_SURVEY_RANGES: 2,
  MAX_LISTING_PAGE: 5,
  AUDIT_BATCH_NAMES: 3,
  PROGRESS_MS: 0,
}))

const seed = Number(process.env['VOUCH_SEED'] ?? Date.now() % 2 ** 31)

let storages: readonly Storage[] = []
let server: Awaited<ReturnType<typeof serve>> | undefined

beforeAll(async () => {
  server = await serve(
    (request) =>
      createCoordinator(
        storages.map((storage, i) => ({ id: `server${i + 1}`, storage })),
        { createHasher },
      ).fetch(request),
    { host: '127.0.0.1', port: 0 },
  )
})
afterAll(() => server?.close())

/** The text of an answer up to a number of its bytes, after which the client closes the connection. */
async function readUpTo(query: URLSearchParams, bytes: number): Promise<string> {
  const abort = new AbortController()
  const response = await fetch(`${server?.url}/audit?${query}`, { signal: abort.signal })
  const decoder = new TextDecoder()
  let text = ''
  let left = bytes
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk.subarray(0, left), { stream: true })
    left -= chunk.length
    if (left <= 0) break
  }
  abort.abort()
  return text
}

/** The whole lines of a text, which may end within one. */
function toLines(text: string): AuditLine[] {
  const lines = text.split('\n').slice(0, -1)
  return lines.map((line) => {
    const read = parseJson(auditLine, line)
    if (!read.success) throw new Error(read.wrong)
    return read.output
  })
}

/** The last name in these lines up to which all have been reported. */
function toPosition(lines: readonly AuditLine[]): string | undefined {
  const names = lines.flatMap((line) => {
    if ('name' in line) return line.name
    return 'progress' in line ? (line.progress.after ?? []) : []
  })
  return names.at(-1)
}

/** All lines of an audit that breaks off at each of these bytes in turn, and goes on from its last line. */
async function readWithCuts(query: string, cuts: readonly number[]): Promise<AuditLine[]> {
  const all: AuditLine[] = []
  let after: string | undefined
  for (const bytes of [...cuts, Number.POSITIVE_INFINITY]) {
    const asked = new URLSearchParams({ ...(after !== undefined && { after }) })
    for (const [key, value] of new URLSearchParams(query)) asked.append(key, value)
    const lines = toLines(await readUpTo(asked, bytes))
    all.push(...lines)
    if (lines.some((line) => 'summary' in line)) break
    after = toPosition(lines) ?? after
  }
  return all
}

const name = fc.nat({ max: 80 }).map((n) => `${['d/', '', 'd/e/', 'f/g/'][n % 4]}${n}`)
const facts = fc.nat({ max: 2 }).map((n) => toFacts(n))
const trouble = fc.constant(new StorageError('unreadable', 'it went wrong'))
const changes = fc.dictionary(name, fc.oneof(facts, facts, fc.constant(null), trouble), { maxKeys: 12 })
const replica = fc.record({ changes, lacks: fc.constantFrom(null, 'd/', 'd/e/', 'f/', '') })

function toTree(
  shared: Readonly<Record<string, ReturnType<typeof toFacts>>>,
  {
    changes,
    lacks,
  }: {
    readonly changes: Readonly<Record<string, ReturnType<typeof toFacts> | StorageError | null>>
    readonly lacks: string | null
  },
): Tree {
  const kept = Object.entries(shared).filter(([name]) => lacks === null || !name.startsWith(lacks))
  const all = Object.entries({ ...Object.fromEntries(kept), ...changes })
  return new Map(all.flatMap(([name, said]) => (said === null ? [] : [[name, said] as const])))
}

describe('an audit that breaks off anywhere, over a socket', () => {
  it.each(['', 'all=true', 'max-age=1000', 'prefix=d/', 'match=*1*&exclude=*7'])(
    'goes on from its last line, and is together the whole: %s',
    async (query) => {
      const trees = fc.array(replica, { minLength: 1, maxLength: 3 })
      const cuts = fc.array(fc.nat({ max: 6000 }), { maxLength: 4 })
      await fc.assert(
        fc.asyncProperty(
          fc.dictionary(name, facts, { minKeys: 20, maxKeys: 60 }),
          trees,
          cuts,
          async (shared, replicas, cuts) => {
            storages = replicas.map((one) => createTreeStorage(toTree(shared, one)))
            const whole = toLines(await readUpTo(new URLSearchParams(query), Number.POSITIVE_INFINITY))
            const parts = await readWithCuts(query, cuts)
            const names = (lines: readonly AuditLine[]) => lines.filter((line) => 'name' in line)
            expect(names(parts)).toEqual(names(whole))
          },
        ),
        { numRuns: 60, seed },
      )
    },
    600_000,
  )
})
