import type { Dirent } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { openDirectory } from './directory.ts'
import { isGone, toChild } from './directory-listing.ts'
import type { Disk } from './disk.ts'
import { toIoError } from './errno.ts'
import { BACKGROUND_NAMES } from './limits.ts'
import type { Root } from './root.ts'

/** How far the background pass is. */
export interface Filled {
  /** Files that were described. */
  readonly done: number
  /** Of all the files; null until the pass has seen them. */
  readonly total: number | null
  /** In the files that were described. */
  readonly bytes: number
}

export interface FillOptions {
  readonly signal?: AbortSignal | undefined
  /** Called after every few files, and once more at the end. */
  readonly onProgress?: ((filled: Filled) => void) | undefined
}

/** See `DirectoryStorage.fillIndex`. */
export async function fillIndex(
  root: Root,
  disk: Disk,
  { signal, onProgress }: FillOptions,
): Promise<Filled> {
  let filled: Filled = { done: 0, total: null, bytes: 0 }
  for await (const names of group(walk(root, ''), BACKGROUND_NAMES)) {
    await disk.quiet()
    if (signal?.aborted) return filled
    const sizes = await describe(disk, names, signal)
    if (signal?.aborted) return filled
    filled = {
      ...filled,
      done: filled.done + sizes.length,
      bytes: sizes.reduce((a, b) => a + b, filled.bytes),
    }
    onProgress?.(filled)
  }
  await root.requireThere()
  filled = { ...filled, total: filled.done }
  onProgress?.(filled)
  return filled
}

/** The sizes of those that are there and can be read; the others will say so to whoever asks for them. */
async function describe(
  disk: Disk,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const wanted = names.map((name) => ({ name }))
  const answers = await Promise.allSettled(disk.ask(wanted, { signal, background: true }))
  return answers.flatMap((answer) => (answer.status === 'fulfilled' && answer.value ? answer.value.size : []))
}

/**
 * The names of the regular files below `path` ('' or `a/b/`), in the order in which directories have them: unlike a
 * listing it neither sorts nor begins anew for each page, so a large directory costs the event loop little.
 */
async function* walk(root: Root, path: string): AsyncGenerator<string> {
  const directory = await (path === '' ? root.open() : openDirectory(`${root.place.path}/${path}`))
  try {
    const options = { encoding: 'buffer', bufferSize: BACKGROUND_NAMES }
    // The types of opendir lack 'buffer', which its documentation has.
    const dirents: unknown = await opendir(directory.path, options as { bufferSize: number })
    for await (const dirent of dirents as AsyncIterable<Dirent<Buffer>>) {
      const child = toChild(dirent, path)
      if (child === null) continue
      if (child.path.endsWith('/')) yield* walkChild(root, child.path)
      else yield child.path
    }
  } finally {
    await directory.handle.close()
  }
}

/** What is gone by now, or must not be read, is passed over. */
async function* walkChild(root: Root, path: string): AsyncGenerator<string> {
  try {
    yield* walk(root, path)
  } catch (error) {
    if (!isGone(error) && toIoError(error, 'read') === error) throw error
  }
}

async function* group<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let together: T[] = []
  for await (const item of items) {
    together.push(item)
    if (together.length < size) continue
    yield together
    together = []
  }
  if (together.length > 0) yield together
}
