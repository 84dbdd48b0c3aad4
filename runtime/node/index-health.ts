import type { IndexNotice } from './index-file.ts'

/** The index of one replica, as its metrics show it. */
export interface IndexState {
  /** Whether digests are read from it and written to it; null where they are kept in memory only. */
  isIndexAvailable(): boolean | null
}

/** Whether the index of one replica can be used, as the threads that use it report. */
export interface IndexHealth {
  note(thread: 'disk' | 'tree', notice: IndexNotice): void
  isAvailable(): boolean
}

/** Passes each line on to `tell` once, though two threads have the index open. */
export function createIndexHealth(tell: (line: string) => void): IndexHealth {
  const failing = new Set<string>()
  let last: string | null = null
  return {
    note(thread, { isAvailable, notice }) {
      if (isAvailable) failing.delete(thread)
      else failing.add(thread)
      if (notice !== null && notice !== last) tell(notice)
      last = notice ?? last
    },
    isAvailable: () => failing.size === 0,
  }
}
