import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** An empty directory. Its creator removes it, with everything in it. */
export interface TemporaryDirectory {
  /** Absolute, without symbolic links. */
  readonly path: string
  /** Does nothing when it is gone. */
  remove(): void
}

/** Creates a directory whose name starts with `prefix`, for `beforeAll` and for code outside tests. */
export function createTemporaryDirectory(prefix = 'vouch-'): TemporaryDirectory {
  const path = realpathSync(mkdtempSync(join(tmpdir(), prefix)))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Creates a directory in a test or `beforeEach`, removed after every `afterEach`. Returns its path. */
export function useTemporaryDirectory(prefix?: string): string {
  const { path, remove } = createTemporaryDirectory(prefix)
  onTestFinished(remove)
  return path
}
