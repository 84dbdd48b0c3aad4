import { toReason } from '../files/errno.ts'
import { INDEX_RETRY_MS, MAX_INDEX_RETRY_MS } from '../limits.ts'
import { isBusy, isDamage, isFull } from '../sqlite/sqlite.ts'
import {
  type IndexBlock,
  type IndexPageRow,
  type IndexRow,
  type IndexTable,
  openIndexTable,
  removeIndex,
} from './index-table.ts'

/** The digests of one root in a file. Nothing throws: an unreadable digest costs a hash, no wrong answer. */
export interface IndexFile extends Pick<IndexTable, 'read' | 'readBlock' | 'readRoot' | 'close'> {
  /** Like `IndexTable.readPage`; null while the index cannot be read. */
  readPage(from: string, limit: number): IndexPageRow[] | null
  /** Writes the rows in one transaction; returns whether it did. The caller keeps unwritten ones. */
  write(rows: readonly IndexRow[]): boolean
  /** Like `IndexTable.readEpoch`; null while the index cannot be read. */
  readEpoch(): number | null
  /** Does nothing while the index cannot be used. */
  writeBlocks(blocks: readonly IndexBlock[], epoch: number): void
  /** Does nothing while the index cannot be used; `readRoot` then returns what was written before. */
  writeRoot(path: string, text: string): void
}

/** Whether an index can be used from now on, and a line for people where something is to be reported. */
export interface IndexNotice {
  readonly isAvailable: boolean
  readonly notice: string | null
}

/**
 * Opens the index at `path`, and creates it where it is missing. A damaged one is deleted and starts over. An
 * unusable one is tried again after pauses that double, from `INDEX_RETRY_MS` to `MAX_INDEX_RETRY_MS`.
 * `onNotice` is called once at the start, and at each change. `now` is in milliseconds and never goes back.
 * With `opensLate` the start is its first use. Without a path (null) it remembers nothing.
 */
export function openIndexFile(
  path: string | null,
  onNotice: (notice: IndexNotice) => void,
  options: IndexFileOptions = {},
): IndexFile {
  return path === null ? openNoIndexFile() : openIndexAt(path, onNotice, options)
}

interface IndexFileOptions {
  readonly now?: () => number
  readonly opensLate?: boolean | undefined
}

function openIndexAt(
  path: string,
  onNotice: (notice: IndexNotice) => void,
  { now = () => performance.now(), opensLate = false }: IndexFileOptions,
): IndexFile {
  let table: IndexTable | null = null
  let isOpened = false
  const pause = createPause(now)

  function connect(isRemoved = false): void {
    if (isRemoved)
      onNotice({ isAvailable: true, notice: `the digest index ${path} was damaged and starts over` })
    try {
      table = openIndexTable(path)
    } catch (error) {
      if (!isRemoved && isDamage(error) && removeIndex(path)) connect(true)
      else fail(error)
    }
  }

  function fail(error: unknown): void {
    // It can still be read while another process locks it, and while the disk is full.
    if (!isBusy(error) && !isFull(error)) disconnect()
    if (!pause.extend()) return
    const advice = 'digests are kept in memory until it can; to move it, give another directory with --index'
    const notice = `the digest index ${path} cannot be used (${toReason(error)}): ${advice}`
    onNotice({ isAvailable: false, notice })
  }

  function recover(error: unknown) {
    if (!isDamage(error)) return fail(error)
    // The damaged file may be one that another process has replaced since.
    const isCurrent = table !== null && !isMoved(table)
    disconnect()
    connect(isCurrent && removeIndex(path))
  }

  function disconnect(): void {
    table?.close()
    table = null
  }

  function retry() {
    if (!pause.isOver()) return
    if (table === null) connect()
    if (table === null) return
    try {
      table.tryWrite()
    } catch (error) {
      return fail(error)
    }
    pause.end()
    onNotice({ isAvailable: true, notice: `the digest index ${path} can be used again` })
  }

  function open(): void {
    if (isOpened) return
    isOpened = true
    connect()
    if (!pause.isOn()) onNotice({ isAvailable: true, notice: null })
  }

  function use<T>(work: (table: IndexTable) => T): T | undefined {
    open()
    retry()
    try {
      return table === null ? undefined : work(table)
    } catch (error) {
      recover(error)
      return undefined
    }
  }

  if (!opensLate) open()
  return {
    read: (name, identity) => use((table) => table.read(name, identity)),
    readPage: (from, limit) => use((table) => table.readPage(from, limit)) ?? null,
    write(rows) {
      // An index that was removed or replaced is opened by its path again.
      if (table !== null && isMoved(table)) {
        disconnect()
        connect()
      }
      const isWritten = use((table) => {
        if (!pause.isOn()) table.write(rows)
        return !pause.isOn()
      })
      return isWritten ?? false
    },
    readEpoch: () => use((table) => table.readEpoch()) ?? null,
    readBlock: (first) => use((table) => table.readBlock(first)),
    writeBlocks: (blocks, epoch) => void use((table) => pause.isOn() || table.writeBlocks(blocks, epoch)),
    readRoot: (path) => use((table) => table.readRoot(path)),
    writeRoot: (path, text) => void use((table) => pause.isOn() || table.writeRoot(path, text)),
    close: disconnect,
  }
}

/** The pauses of an index that cannot be used, each twice as long as the one before. */
function createPause(now: () => number) {
  let length = 0
  let endsAt = 0
  return {
    isOn: () => length > 0,
    isOver: () => length > 0 && now() >= endsAt,
    /** Begins the next pause; returns whether it is the first. */
    extend(): boolean {
      const isFirst = length === 0
      length = Math.min(Math.max(2 * length, INDEX_RETRY_MS), MAX_INDEX_RETRY_MS)
      endsAt = now() + length
      return isFirst
    },
    end(): void {
      length = 0
    },
  }
}

function isMoved(table: IndexTable): boolean {
  try {
    return table.isMoved()
  } catch {
    // A path that the system refuses to look at leads nowhere.
    return true
  }
}

/** An index without a file, which remembers nothing. */
export function openNoIndexFile(): IndexFile {
  return {
    read: () => undefined,
    readPage: () => [],
    write: () => true,
    readEpoch: () => null,
    readBlock: () => undefined,
    writeBlocks() {},
    readRoot: () => undefined,
    writeRoot() {},
    close() {},
  }
}
