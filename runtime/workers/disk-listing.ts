import { compareNames, parseName } from '../../functions/storage/names.ts'
import type { Entry, ListOptions, Page } from '../../functions/storage/storage.ts'
import { MAX_LISTING_PAGE } from '../../functions/wire/limits.ts'
import type { DiskTree, Listing } from './disk-tree.ts'

/** A page of the files below the root of `tree`, as `Storage` promises it. */
export async function listFiles(tree: DiskTree, options: ListOptions = {}): Promise<Page> {
  const limit = Math.min(Math.max(options.limit ?? MAX_LISTING_PAGE, 1), MAX_LISTING_PAGE)
  const entries: Entry[] = []
  for await (const entry of walk(tree, '', options)) {
    if (entries.length === limit) return { entries, next: entries.at(-1)?.name ?? null }
    entries.push(entry)
  }
  return { entries, next: null }
}

async function* walk(tree: DiskTree, directory: string, options: ListOptions): AsyncGenerator<Entry> {
  const { prefix = '', after = '', signal } = options
  signal?.throwIfAborted()
  for (const path of toPaths(directory, await tree.list(directory.slice(0, -1), signal))) {
    if (path.endsWith('/')) {
      if (mayHold(path, prefix, after)) yield* walk(tree, path, options)
    } else if (path.startsWith(prefix) && compareNames(path, after) > 0) {
      const entry = await readEntry(tree, path, signal)
      if (entry !== null) yield entry
    }
  }
}

/** The files and, ending in `/`, the directories in `directory`, in the order in which their names come. */
function toPaths(directory: string, listing: Listing | null): string[] {
  const paths: string[] = []
  for (const [segment, kind] of listing ?? []) {
    const path = directory + segment
    if (parseName(path) === null) continue
    if (kind === 'file') paths.push(path)
    if (kind === 'directory') paths.push(`${path}/`)
  }
  return paths.sort(compareNames)
}

/** Whether a name below `directory` can have the prefix and come after `after`. */
function mayHold(directory: string, prefix: string, after: string): boolean {
  const prefixed = directory.startsWith(prefix) || prefix.startsWith(directory)
  return prefixed && (after.startsWith(directory) || compareNames(directory, after) > 0)
}

/** A file's line; null when it is gone, or when its name is not UTF-8 and so cannot be asked for. */
async function readEntry(
  tree: DiskTree,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Entry | null> {
  const response = await tree.read(name, { method: 'HEAD', signal })
  if (response === null) return null
  const modified = Date.parse(response.headers.get('Last-Modified') ?? '')
  const size = Number(response.headers.get('Content-Length'))
  return { name, size, modified: Number.isNaN(modified) ? null : modified }
}
