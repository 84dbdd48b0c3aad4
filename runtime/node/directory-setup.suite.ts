import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { StorageUnderTest } from '../../functions/storage/storage.suite.ts'

/** A directory for one test, and its files changed as any other program would. */
export interface TestDirectory extends Pick<StorageUnderTest, 'write' | 'remove' | 'close'> {
  readonly root: string
}

/** Makes an empty directory; `close` removes it. */
export async function createTestDirectory(): Promise<TestDirectory> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'vouch-')))
  return {
    root,
    async write(name, bytes) {
      await mkdir(dirname(join(root, name)), { recursive: true })
      await writeFile(join(root, name), bytes)
    },
    remove: (name) => rm(join(root, name)),
    close: () => rm(root, { recursive: true, force: true }),
  }
}

/**
 * Runs `run` as a user whom permissions bind, also where the tests run as root, for whom there are none. The whole
 * process changes its user meanwhile.
 */
export async function asNobody<T>(run: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return await run()
  process.seteuid?.(65534)
  try {
    return await run()
  } finally {
    process.seteuid?.(0)
  }
}

/** How many descriptors this process has open. */
export async function countDescriptors(): Promise<number> {
  return (await readdir('/dev/fd')).length
}
