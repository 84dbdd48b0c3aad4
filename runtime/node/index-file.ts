import {
  type DatedDigest,
  type IndexPageRow,
  type IndexRow,
  type IndexTable,
  isBusy,
  isDamage,
  isFull,
  openIndexTable,
  removeIndex,
  toReason,
} from './index-table.ts'
import { INDEX_RETRY_MS, MAX_INDEX_RETRY_MS } from './limits.ts'

/**
 * The digests of one root in a file. Nothing here throws: a digest that cannot be read is unknown, which costs hashing
 * once more, never a wrong answer.
 */
export interface IndexFile {
  /** The digest written for exactly this identity of this name. */
  read(name: string, identity: string): DatedDigest | undefined
  /** At most `limit` rows, of this name and those after it, in the byte order of names; null while it cannot be read. */
  readPage(from: string, limit: number): IndexPageRow[] | null
  /** Writes all of them in one transaction. Returns whether they are written; the caller keeps those that are not. */
  write(rows: readonly IndexRow[]): boolean
  /** What was written of the directory at this path, see `RootGuard`. */
  readRoot(path: string): string | undefined
  /** Does nothing while the index cannot be used: what is written is what `readRoot` returns then. */
  writeRoot(path: string, text: string): void
  close(): void
}

/** Whether an index can be used from now on, and a line about it for people where there is something to report. */
export interface IndexNotice {
  readonly isAvailable: boolean
  readonly notice: string | null
}

export interface IndexFileOptions {
  /** Milliseconds of a clock that never goes back; the host's when absent. */
  readonly now?: (() => number) | undefined
}

/**
 * Opens the index at `path`, and creates it where there is none. A damaged one is deleted and starts over. One that
 * cannot be used is tried again after pauses that double, from `INDEX_RETRY_MS` to `MAX_INDEX_RETRY_MS`. `onNotice` is
 * called once at the start, and whenever that changes.
 */
export function openIndexFile(
  path: string,
  onNotice: (notice: IndexNotice) => void,
  { now = () => performance.now() }: IndexFileOptions = {},
): IndexFile {
  let table: IndexTable | null = null
  // While it cannot be used: how long the last pause is, and when it ends.
  let pause = 0
  let retryAt = 0

  function connect(): void {
    try {
      table = openIndexTable(path)
    } catch (error) {
      if (isDamage(error) && removeIndex(path)) renew()
      else fail(error)
    }
  }

  function renew(): void {
    onNotice({ isAvailable: true, notice: `the digest index ${path} was damaged and starts over` })
    try {
      table = openIndexTable(path)
    } catch (error) {
      fail(error)
    }
  }

  function fail(error: unknown): void {
    // It can still be read while another process holds it, and while the disk is full.
    if (!isBusy(error) && !isFull(error)) disconnect()
    const isFirst = pause === 0
    pause = Math.min(Math.max(2 * pause, INDEX_RETRY_MS), MAX_INDEX_RETRY_MS)
    retryAt = now() + pause
    if (!isFirst) return
    onNotice({
      isAvailable: false,
      notice: `the digest index ${path} cannot be used (${toReason(error)}): digests are kept in memory until it can; --index names another directory`,
    })
  }

  function recover(error: unknown): void {
    if (!isDamage(error)) {
      fail(error)
      return
    }
    // What is damaged may be a file that another process has replaced since.
    const isCurrent = table !== null && !isMoved(table)
    disconnect()
    if (isCurrent && removeIndex(path)) renew()
    else connect()
  }

  function disconnect(): void {
    table?.close()
    table = null
  }

  /** Ends a pause that is over, where the index can be written again. */
  function retry(): void {
    if (pause === 0 || now() < retryAt) return
    if (table === null) connect()
    if (table === null) return
    try {
      table.tryWrite()
    } catch (error) {
      fail(error)
      return
    }
    pause = 0
    onNotice({ isAvailable: true, notice: `the digest index ${path} can be used again` })
  }

  function use<T>(work: (table: IndexTable) => T): T | undefined {
    retry()
    try {
      return table === null ? undefined : work(table)
    } catch (error) {
      recover(error)
      return undefined
    }
  }

  /** Follows the path to a file of its own when the index was removed or replaced. */
  function reopenMoved(): void {
    if (table === null || !isMoved(table)) return
    disconnect()
    connect()
  }

  connect()
  if (pause === 0) onNotice({ isAvailable: true, notice: null })
  return {
    read: (name, identity) => use((table) => table.read(name, identity)),
    readPage: (from, limit) => use((table) => table.readPage(from, limit)) ?? null,
    write(rows) {
      reopenMoved()
      const isWritten = use((table) => {
        if (pause === 0) table.write(rows)
        return pause === 0
      })
      return isWritten ?? false
    },
    readRoot: (path) => use((table) => table.readRoot(path)),
    writeRoot: (path, text) => void use((table) => pause === 0 && table.writeRoot(path, text)),
    close: disconnect,
  }
}

function isMoved(table: IndexTable): boolean {
  try {
    return table.isMoved()
  } catch {
    // A path that cannot be looked at now leads nowhere.
    return true
  }
}

/** An index that keeps nothing. */
export function openNoIndexFile(): IndexFile {
  return {
    read: () => undefined,
    readPage: () => [],
    write: () => true,
    readRoot: () => undefined,
    writeRoot() {},
    close() {},
  }
}
