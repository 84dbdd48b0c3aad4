import { statSync } from 'node:fs'
import { FILES_CHECK_MS } from '../limits.ts'

/** The last valid content of files that may change. */
export interface Reread<T> {
  /** Returns it, after reading changed files again; checks them every `FILES_CHECK_MS`. */
  get(): T
  /** Reads the files again now. */
  reload(): void
}

/**
 * Reads files with `read`, and again when one of them changes. Throws what the first `read` throws. When a
 * later one throws, the content stays, and `onFailed` is called with the reason.
 */
export function createReread<T>(
  paths: readonly string[],
  read: () => T,
  onFailed: (reason: string) => void,
): Reread<T> {
  // Before the content, so that the next check sees a change in between.
  let version = readVersion(paths)
  let content = read()
  let checkedAt = performance.now()

  function reload(): void {
    checkedAt = performance.now()
    version = readVersion(paths)
    try {
      content = read()
    } catch (error) {
      onFailed(error instanceof Error ? error.message : String(error))
    }
  }

  return {
    get() {
      if (performance.now() - checkedAt < FILES_CHECK_MS) return content
      checkedAt = performance.now()
      if (readVersion(paths) !== version) reload()
      return content
    },
    reload,
  }
}

/** Changes with the files, and when the system starts or stops refusing their stats. */
function readVersion(paths: readonly string[]): string {
  const versions = paths.map((path) => {
    try {
      const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
      return `${ino} ${size} ${mtimeNs} ${ctimeNs}`
    } catch (error) {
      return String(error)
    }
  })
  return versions.join('\n')
}
