import type { Dirent } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { compareNames, parseName } from '../../functions/storage/names.ts'
import type { Entry, ListOptions, Page } from '../../functions/storage/storage.ts'
import { MAX_LISTING_PAGE } from '../../functions/wire/limits.ts'
import { type Directory, openDirectory } from './directory.ts'
import { getErrno, isAbsence, toIoError } from './errno.ts'
import { toModified } from './identity.ts'
import type { Root } from './root.ts'

/** Entries of one listing, in order, until there is one more than fits on the page. */
interface Walk {
  readonly prefix: string
  readonly after: string
  readonly limit: number
  readonly signal: AbortSignal | undefined
  readonly entries: Entry[]
}

export interface Child {
  /** From the root on; a directory's ends in `/`, which gives it its place in the byte order of whole names. */
  readonly path: string
  readonly name: string
}

/** A page of the regular files below a root; see `Storage.list`. It holds one page and the directories on its way. */
export async function listDirectory(root: Root, options: ListOptions): Promise<Page> {
  const { prefix = '', after = '', limit = MAX_LISTING_PAGE, signal } = options
  const size = Math.min(Math.max(limit, 1), MAX_LISTING_PAGE)
  const walk: Walk = { prefix, after, limit: size + 1, signal, entries: [] }
  await visit(await root.open(), '', walk).catch((error) => {
    throw toIoError(error, 'read')
  })
  // A root that went away meanwhile has just looked empty, or like less than it holds.
  await root.requireThere()
  const entries = walk.entries.slice(0, size)
  return { entries, next: walk.entries.length > size ? (entries.at(-1)?.name ?? null) : null }
}

/** Adds what lies in `directory`, and closes it. */
async function visit(directory: Directory, path: string, walk: Walk): Promise<void> {
  try {
    walk.signal?.throwIfAborted()
    const dirents = await readdir(directory.path, { withFileTypes: true, encoding: 'buffer' })
    const children = dirents
      .flatMap((dirent) => toChild(dirent, path) ?? [])
      .filter((child) => canHold(child, walk))
    for (const child of children.sort((a, b) => compareNames(a.path, b.path))) {
      if (walk.entries.length >= walk.limit) return
      if (child.path.endsWith('/')) await visitChild(directory, child, walk)
      else await addFile(directory, child, walk)
    }
  } finally {
    await directory.handle.close()
  }
}

async function visitChild(directory: Directory, child: Child, walk: Walk): Promise<void> {
  try {
    await visit(await openDirectory(`${directory.path}/${child.name}`), child.path, walk)
  } catch (error) {
    if (!isGone(error)) throw toIoError(error, 'read')
  }
}

async function addFile(directory: Directory, child: Child, walk: Walk): Promise<void> {
  try {
    const stats = await lstat(`${directory.path}/${child.name}`, { bigint: true })
    if (!stats.isFile()) return
    walk.entries.push({
      name: child.path,
      size: Number(stats.size),
      modified: toModified({ modifiedNs: stats.mtimeNs }),
    })
  } catch (error) {
    if (!isGone(error)) throw toIoError(error, 'read')
  }
}

/** Whether it is no longer there, or no longer what it was when its directory was read. */
export function isGone(error: unknown): boolean {
  return isAbsence(error) || getErrno(error) === 'ELOOP'
}

// A BOM is part of a name like any other character.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A directory or a regular file whose name, or whose files' names, can be asked for; null for anything else. */
export function toChild(dirent: Dirent<Buffer>, parent: string): Child | null {
  if (!dirent.isFile() && !dirent.isDirectory()) return null
  const name = decode(dirent.name)
  if (name === null) return null
  const path = parent + name
  if (dirent.isFile()) return parseName(path) === null ? null : { path, name }
  return parseName(`${path}/x`) === null ? null : { path: `${path}/`, name }
}

function decode(bytes: Buffer): string | null {
  try {
    return decoder.decode(bytes)
  } catch {
    return null
  }
}

/** Whether it is, or below it can be, a name that the listing asks for. */
function canHold({ path }: Child, { prefix, after }: Walk): boolean {
  if (!path.endsWith('/')) return path.startsWith(prefix) && compareNames(path, after) > 0
  if (!path.startsWith(prefix) && !prefix.startsWith(path)) return false
  return compareNames(path, after) > 0 || after.startsWith(path)
}
