import { compareNames } from '../../../functions/storage/names.ts'
import { FIRST_INDEX_PAGE, MAX_INDEX_PAGE } from '../limits.ts'
import type { IndexFile } from './index-file.ts'
import type { IndexPageRow } from './index-table.ts'

/** Reads an index beside a walk, page by page, so that no transaction lasts as long as the walk. */
export function createIndexCursor(file: IndexFile) {
  let rows: IndexPageRow[] = []
  let next = 0
  let isEnd = false
  let limit = 0

  function load(from: string): void {
    // A walk that has skipped rows is in another part of the tree, and may leave it soon.
    const isNear = limit > 0 && next === rows.length
    limit = isNear ? Math.min(4 * limit, MAX_INDEX_PAGE) : FIRST_INDEX_PAGE
    const page = file.readPage(from, limit)
    rows = page ?? []
    next = 0
    // While an index cannot be read, its end is unknown.
    isEnd = page !== null && page.length < limit
  }

  return {
    /** The row of this name, which must follow those of earlier calls, or undefined. */
    seek(name: string): IndexPageRow | undefined {
      const expected = rows[next]
      // The case of nearly every name in an unchanged tree.
      if (expected?.name === name) {
        next++
        return expected
      }
      const last = rows.at(-1)
      if (!isEnd && (last === undefined || compareNames(last.name, name) < 0)) load(name)
      for (let row = rows[next]; row !== undefined; row = rows[next]) {
        const order = compareNames(row.name, name)
        if (order > 0) return undefined
        next++
        if (order === 0) return row
      }
      return undefined
    },
  }
}
