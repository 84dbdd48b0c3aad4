import { statSync } from 'node:fs'
import { FILES_CHECK_MS } from './limits.ts'

/** What files hold, as long as they hold something valid. */
export interface Reread<T> {
  /** The last good content; the files are read again first when they changed, which is looked at every `FILES_CHECK_MS`. */
  get(): T
  /** Reads the files again now. */
  reload(): void
}

/**
 * Reads files with `read`, and again when one of them changes. Throws what the first `read` throws. When a later one
 * throws, the content stays as it was, and `onFailed` gets the reason.
 */
export function createReread<T>(
  paths: readonly string[],
  read: () => T,
  onFailed: (reason: string) => void,
): Reread<T> {
  // Before the content: a change in between is then seen at the next look.
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

/** Changes with the files. A file that cannot be looked at counts as changed once it can be, or the other way round. */
function readVersion(paths: readonly string[]): string {
  return paths.map(toVersion).join('\n')
}

function toVersion(path: string): string {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`
  } catch (error) {
    return String(error)
  }
}
