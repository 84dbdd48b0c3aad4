import { isMended } from '../../../functions/storage/byte-names.ts'
import { compareNames, findFault, leadsTo, RESERVED } from '../../../functions/storage/names.ts'
import type { Entry, ListOptions, Page } from '../../../functions/storage/storage.ts'
import { createPageBuilder } from '../../../functions/storage/survey/page-builder.ts'
import type { PassedKind } from '../../../functions/wire/passed.ts'
import { countAlike, type DiskTree, getSize, type Listing, toModified } from './disk-tree.ts'

/** An entry of a walk; the name of a directory ends in a slash. */
type Met = Entry | { readonly name: string; readonly passed: PassedKind }

/** A page of the files below the root of `tree`, as `Storage.list` promises it. */
export async function listFiles(tree: DiskTree, options: ListOptions = {}): Promise<Page> {
  const { isCounted = () => true } = options
  const page = createPageBuilder(options.limit)
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
    if (!leadsTo(name, { prefix, after })) continue
    if (passed !== null) yield { name, passed }
    else if (name.endsWith('/')) {
      const below = await tree.list(name.slice(0, -1), signal)
      if (below !== null) yield* walk(tree, name, options, below)
      else if (isMended(name)) yield { name, passed: 'not-utf-8' }
    } else {
      // Null when the file is gone, or when its name is not UTF-8, so that it cannot be asked for.
      const head = await tree.read(name, signal, 'HEAD')
      if (head !== null) yield { name, size: getSize(head) ?? 0, modified: toModified(head) }
      else if (isMended(name)) yield { name, passed: 'not-utf-8' }
    }
  }
}

/** An entry of a directory: its name, which ends in `/` for a directory, and why it is skipped, if it is. */
interface Item {
  readonly name: string
  readonly passed: PassedKind | null
}

/** The entries of `directory`, in the order of the names below it. */
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
