import { compareNames, findFault, RESERVED } from '../../functions/storage/names.ts'
import { createPageBuilder } from '../../functions/storage/page-builder.ts'
import type { Entry, ListOptions, Page } from '../../functions/storage/storage.ts'
import { MAX_LISTING_PAGE } from '../../functions/wire/limits.ts'
import type { PassedKind } from '../../functions/wire/passed.ts'
import { countAlike, type DiskTree, type Listing } from './disk-tree.ts'

/** What a walk meets; a directory's name ends in a slash. */
type Met = Entry | { readonly name: string; readonly passed: PassedKind }

/** A page of the files below the root of `tree`, as `Storage` promises it. */
export async function listFiles(tree: DiskTree, options: ListOptions = {}): Promise<Page> {
  const limit = Math.min(Math.max(options.limit ?? MAX_LISTING_PAGE, 1), MAX_LISTING_PAGE)
  const { isCounted = () => true } = options
  const page = createPageBuilder(limit)
  for await (const met of walk(tree, '', options)) {
    if ('passed' in met) {
      if (isCounted(met.name)) page.pass(met.passed, met.name)
    } else if (!page.add(met)) break
  }
  return page.end()
}

async function* walk(
  tree: DiskTree,
  directory: string,
  options: ListOptions,
  listed?: Listing,
): AsyncGenerator<Met> {
  const { prefix = '', after = '', signal } = options
  signal?.throwIfAborted()
  const listing = listed ?? (await tree.list(directory.slice(0, -1), signal)) ?? new Map()
  for (const { name, passed } of toItems(directory, listing)) {
    if (!isWanted(name, prefix, after)) continue
    if (passed !== null) yield { name, passed }
    else if (name.endsWith('/')) {
      const below = await tree.list(name.slice(0, -1), signal)
      if (below !== null) yield* walk(tree, name, options, below)
      else if (isMended(name)) yield { name, passed: 'not-utf-8' }
    } else {
      const entry = await readEntry(tree, name, signal)
      if (entry !== null) yield entry
      else if (isMended(name)) yield { name, passed: 'not-utf-8' }
    }
  }
}

/** Something in a directory: its name, which ends in `/` when it is a directory, and why it is passed over, if it is. */
interface Item {
  readonly name: string
  readonly passed: PassedKind | null
}

/** What is in `directory`, in the order in which the names come. */
function toItems(directory: string, listing: Listing): Item[] {
  const items: Item[] = []
  for (const [segment, kind] of listing) {
    const path = directory + segment
    if (kind === 'directory') {
      if (path !== RESERVED) items.push({ name: `${path}/`, passed: findFault(`${path}/x`) })
      continue
    }
    const passed = kind === 'file' ? findFault(path) : toPassed(kind)
    for (let i = 0; i < countAlike(kind); i++) items.push({ name: path, passed })
  }
  return items.sort((a, b) => compareNames(a.name, b.name))
}

/** Whether it is a file's name that has the prefix and comes after `after`, or a directory below which one can be. */
function isWanted(name: string, prefix: string, after: string): boolean {
  if (!name.endsWith('/')) return name.startsWith(prefix) && compareNames(name, after) > 0
  const prefixed = name.startsWith(prefix) || prefix.startsWith(name)
  return prefixed && (after.startsWith(name) || compareNames(name, after) > 0)
}

/** Whether the service may have put U+FFFD in the place of bytes that are not UTF-8: no such name can be asked for. */
function isMended(name: string): boolean {
  return name.includes('\ufffd')
}

const KINDS: Readonly<Record<string, PassedKind>> = {
  symlink: 'link',
  namedPipe: 'fifo',
  socket: 'socket',
  blockDevice: 'device',
  characterDevice: 'device',
}

function toPassed(kind: string): PassedKind {
  return countAlike(kind) > 1 ? 'not-utf-8' : (KINDS[kind] ?? 'other')
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
