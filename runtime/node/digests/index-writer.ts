import { INDEX_RETRY_MS, MAX_REMEMBERED_DIGESTS, MAX_UNWRITTEN_DIGESTS, WRITE_INDEX_MS } from '../limits.ts'
import type { IndexFile } from './index-file.ts'
import type { IndexRow } from './index-table.ts'

export type IndexWriter = ReturnType<typeof createIndexWriter>

/** Writes rows to `file` in batches; keeps the last `MAX_REMEMBERED_DIGESTS` while it cannot be used. */
export function createIndexWriter(file: Pick<IndexFile, 'write'>) {
  const rows = new Map<string, IndexRow>()
  let timer: NodeJS.Timeout | undefined
  let isRefused = false
  let hasForgotten = false

  function writeSome(): boolean {
    const all = [...rows.values()]
    const some = all.slice(0, MAX_UNWRITTEN_DIGESTS)
    isRefused = some.length > 0 && !file.write(some)
    if (isRefused) return false
    if (some.length === all.length) rows.clear()
    else for (const { name } of some) rows.delete(name)
    return true
  }

  /** Writes `MAX_UNWRITTEN_DIGESTS` rows at most, so that other processes get their turn. */
  function write(): void {
    clearTimeout(timer)
    timer = undefined
    writeSome()
    if (rows.size > 0) schedule()
  }

  function forgetOldest(): void {
    const [oldest] = rows.keys()
    if (oldest !== undefined) rows.delete(oldest)
    hasForgotten = true
  }

  function schedule(): void {
    timer ??= setTimeout(write, isRefused ? INDEX_RETRY_MS : WRITE_INDEX_MS)
  }

  /** Writes all rows, where the index can be used; returns whether it has every row that was ever added. */
  function flush(): boolean {
    while (rows.size > 0 && writeSome());
    return rows.size === 0 && !hasForgotten
  }

  return {
    add(row: IndexRow): void {
      rows.delete(row.name)
      rows.set(row.name, row)
      if (rows.size > MAX_REMEMBERED_DIGESTS) forgetOldest()
      if (rows.size >= MAX_UNWRITTEN_DIGESTS && !isRefused) write()
      else schedule()
    },
    /** The row of this name that is not written yet. */
    find: (name: string) => rows.get(name),
    /** Whether none of these files has a row that is not written yet. */
    hasNone: (names: readonly string[]) => rows.size === 0 || !names.some((name) => rows.has(name)),
    flush,
    /** Writes all rows, where the index can be used, and forgets the rest. */
    close(): void {
      flush()
      clearTimeout(timer)
      rows.clear()
    },
  }
}
