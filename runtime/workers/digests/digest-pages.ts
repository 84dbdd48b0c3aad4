import * as v from 'valibot'
import { compareNames } from '../../../functions/storage/names.ts'
import type { Digest } from '../../../functions/wire/digest.ts'
import { MAX_DIGEST_PAGE, MAX_DIGEST_PAGE_LENGTH } from '../limits.ts'

/** The part that is used of the SQLite of a Durable Object, or of any other. */
export interface Sql {
  exec(query: string, ...bindings: readonly string[]): { toArray(): Record<string, unknown>[] }
}

/** The digest of one version of an object, and when it was read; null for the store's own checksum. */
export type KnownRow = readonly [key: string, version: string, digest: Digest, readAt: number | null]

export const knownRow = v.tuple([v.string(), v.string(), v.string(), v.nullable(v.number())])

/** A key and its version. */
export type AskedRow = readonly [key: string, version: string]

/** The rows of consecutive keys, in byte order, from `first` on. */
interface Page {
  readonly first: string
  readonly rows: readonly KnownRow[]
}

/**
 * Digests by key, of the last version of each, in rows of about a thousand: a row written costs as much
 * whatever its size, and neighbours in a listing are asked for and noted together. Keys that are deleted from
 * the bucket stay until their page is written again for a neighbour's sake; they cost their bytes.
 */
export function createDigestPages(sql: Sql) {
  sql.exec('create table if not exists pages (first text primary key, rows text not null) without rowid')

  function findPage(key: string): Page {
    const query = 'select first, rows from pages where first <= ? order by first desc limit 1'
    const [found] = sql.exec(query, key).toArray()
    if (found === undefined) return { first: '', rows: [] }
    return { first: String(found['first']), rows: JSON.parse(String(found['rows'])) } // as written below
  }

  /** The page with this key, and the first key of the page after it; null without one. */
  function findBounds(key: string): { readonly page: Page; readonly next: string | null } {
    const page = findPage(key)
    const [after] = sql.exec('select min(first) as next from pages where first > ?', key).toArray()
    const next = after?.['next']
    return { page, next: typeof next === 'string' ? next : null }
  }

  function write({ first, rows }: Page): void {
    const text = JSON.stringify(rows)
    const isFull = rows.length > MAX_DIGEST_PAGE || text.length > MAX_DIGEST_PAGE_LENGTH
    const middle = rows.length >> 1
    const second = rows[middle]
    if (!isFull || middle === 0 || second === undefined) {
      sql.exec('insert or replace into pages values (?, ?)', first, text)
      return
    }
    write({ first, rows: rows.slice(0, middle) })
    write({ first: second[0], rows: rows.slice(middle) })
  }

  /** Calls `use` with each page that has some of `asked`, and those; `asked` is in byte order of its keys. */
  function eachPage<R extends readonly [string, ...unknown[]]>(
    asked: readonly R[],
    use: (page: Page, its: readonly R[]) => void,
  ): void {
    for (let at = 0; at < asked.length; ) {
      const { page, next } = findBounds(asked[at]?.[0] ?? '')
      const end = asked.findIndex(([key], i) => i > at && next !== null && compareNames(key, next) >= 0)
      use(page, asked.slice(at, end < 0 ? asked.length : end))
      at = end < 0 ? asked.length : end
    }
  }

  return {
    /** The rows that are known of these versions, in any order. */
    find(asked: readonly AskedRow[]): KnownRow[] {
      const found: KnownRow[] = []
      eachPage(toSorted(asked), ({ rows }, its) => {
        const byKey = new Map(rows.map((row) => [row[0], row]))
        for (const [key, version] of its) {
          const row = byKey.get(key)
          if (row?.[1] === version) found.push(row)
        }
      })
      return found
    },
    /** Adds rows, each in place of that of an earlier version of its key, and drops others. */
    note(rows: readonly KnownRow[], dropped: readonly AskedRow[]): void {
      eachPage(toSorted([...rows, ...dropped]), ({ first, rows }, its) => {
        const byKey = new Map(rows.map((row) => [row[0], row]))
        for (const one of its) {
          if (one.length === 4) byKey.set(one[0], one)
          else if (byKey.get(one[0])?.[1] === one[1]) byKey.delete(one[0])
        }
        write({ first, rows: toSorted([...byKey.values()]) })
      })
    },
  }
}

function toSorted<R extends readonly [string, ...unknown[]]>(rows: readonly R[]): R[] {
  return rows.toSorted((a, b) => compareNames(a[0], b[0]))
}
