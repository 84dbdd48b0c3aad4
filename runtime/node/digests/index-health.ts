import type { IndexNotice } from './index-file.ts'

/** The state of one replica's index, for its metrics. */
export interface IndexState {
  /** Whether digests are read from it and written to it; null where they are kept in memory only. */
  isIndexAvailable(): boolean | null
}

/** Whether all threads of a replica can use its index. Calls `onNotice` once for a line that two report. */
export function createIndexHealth(onNotice: (line: string) => void) {
  const failing = new Set<string>()
  let last: string | null = null
  return {
    note(thread: 'disk' | 'tree', { isAvailable, notice }: IndexNotice): void {
      if (isAvailable) failing.delete(thread)
      else failing.add(thread)
      if (notice !== null && notice !== last) onNotice(notice)
      last = notice ?? last
    },
    isAvailable: () => failing.size === 0,
  }
}
