import type { IndexFile } from './index-file.ts'
import type { IndexRow } from './index-table.ts'
import { INDEX_RETRY_MS, MAX_REMEMBERED_DIGESTS, MAX_UNWRITTEN_DIGESTS, WRITE_INDEX_MS } from './limits.ts'

/** Rows on their way to an index. They are written together, and kept while the index cannot be used. */
export interface IndexWriter {
  add(row: IndexRow): void
  /** The row of this name that is not written yet. */
  find(name: string): IndexRow | undefined
  /** Writes all rows, where the index can be used. */
  flush(): void
  /** Writes all rows, where the index can be used, and forgets the rest. */
  close(): void
}

/** Keeps the last `MAX_REMEMBERED_DIGESTS` rows that `file`, which stays the caller's, has not taken. */
export function createIndexWriter(file: Pick<IndexFile, 'write'>): IndexWriter {
  const rows = new Map<string, IndexRow>()
  let timer: NodeJS.Timeout | undefined
  let isRefused = false

  function writeSome(): boolean {
    const some = [...rows.values()].slice(0, MAX_UNWRITTEN_DIGESTS)
    isRefused = some.length > 0 && !file.write(some)
    if (!isRefused) for (const { name } of some) rows.delete(name)
    return !isRefused
  }

  /** A transaction of at most `MAX_UNWRITTEN_DIGESTS` rows, after which others get their turn. */
  function write(): void {
    clearTimeout(timer)
    timer = undefined
    writeSome()
    if (rows.size > 0) schedule()
  }

  function schedule(): void {
    timer ??= setTimeout(write, isRefused ? INDEX_RETRY_MS : WRITE_INDEX_MS)
  }

  function flush(): void {
    while (rows.size > 0 && writeSome());
  }

  return {
    add(row) {
      rows.delete(row.name)
      rows.set(row.name, row)
      const [oldest] = rows.keys()
      if (rows.size > MAX_REMEMBERED_DIGESTS && oldest !== undefined) rows.delete(oldest)
      if (rows.size >= MAX_UNWRITTEN_DIGESTS && !isRefused) write()
      else schedule()
    },
    find: (name) => rows.get(name),
    flush,
    close() {
      flush()
      clearTimeout(timer)
      rows.clear()
    },
  }
}
