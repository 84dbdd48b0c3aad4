import { compareNames } from '../../functions/storage/names.ts'
import type { IndexFile } from './index-file.ts'
import type { IndexPageRow } from './index-table.ts'
import { FIRST_INDEX_PAGE, MAX_INDEX_PAGE } from './limits.ts'

/** Reads an index beside a walk. */
export interface IndexCursor {
  /** The row of this name, which must come after every one that was sought before; undefined where there is none. */
  seek(name: string): IndexPageRow | undefined
}

/** Reads page by page, so that no transaction lasts as long as the walk. */
export function createIndexCursor(file: IndexFile): IndexCursor {
  let rows: IndexPageRow[] = []
  let next = 0
  let isEnd = false
  let limit = 0

  function load(from: string): void {
    // Who passes rows over has come to another part of the tree, and may not stay there.
    const isNear = limit > 0 && next === rows.length
    limit = isNear ? Math.min(4 * limit, MAX_INDEX_PAGE) : FIRST_INDEX_PAGE
    const page = file.readPage(from, limit)
    rows = page ?? []
    next = 0
    // Of an index that cannot be read just now, the end is unknown.
    isEnd = page !== null && page.length < limit
  }

  return {
    seek(name) {
      const expected = rows[next]
      // As it is for nearly every name of a tree that did not change.
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
