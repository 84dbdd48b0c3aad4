import { isMended, toExample } from '../../../functions/storage/byte-names.ts'
import { compareNames, findFault, isReserved, leadsTo, RESERVED } from '../../../functions/storage/names.ts'
import {
  createWalkKeeper,
  enter,
  type Walk,
  type Wanted,
} from '../../../functions/storage/objects/listing-walk.ts'
import type { ListedObject, ObjectPage, Objects } from '../../../functions/storage/objects/objects.ts'
import type { PassedKind } from '../../../functions/wire/passed.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { escapeControls } from '../../../functions/wire/text.ts'
import type { Absence } from './rclone-absence.ts'
import { toInfo } from './rclone-contents.ts'
import { findUndecryptable, joinPath, readBelow } from './rclone-crypt.ts'
import type { RcloneFinder } from './rclone-finder.ts'
import { fromRcloneSegment, toRcloneName } from './rclone-names.ts'
import type { RcloneRemote } from './rclone-remotes.ts'
import { type RcloneItem, type RcloneServer, toRefusalError } from './rclone-server.ts'
import type { Traits } from './rclone-traits.ts'

interface Listing {
  readonly server: RcloneServer
  readonly remote: RcloneRemote
  readonly absence: Absence
  readonly finder: RcloneFinder
  getTraits(signal: AbortSignal | undefined): Promise<Traits>
}

/**
 * Lists the files of a remote page by page in byte order, one directory after another. The next page
 * continues with the directories read for the last one, if it comes soon. A directory's key ends in a slash;
 * one that no valid name leads through is not read, and counts as skipped.
 */
export function createRcloneListing(listing: Listing): Objects['list'] {
  const walks = createWalkKeeper<Walk<ListedObject>>()

  return async function list(prefix, after, limit, signal): Promise<ObjectPage> {
    if (isReserved(prefix)) return { objects: [], isLast: true }
    const wanted = { prefix, after, limit }
    const read = (path: string) => readDirectory(listing, path, wanted, signal)
    const { walk, objects } = walks.resume(wanted) ?? {
      walk: { open: [(await read('')) ?? []], begun: Date.now() },
      objects: [],
    }
    const { open } = walk
    for (let items = open.at(-1); items !== undefined && objects.length < limit; items = open.at(-1)) {
      const item = items.pop()
      if (item === undefined) open.pop()
      else if (item.passed !== undefined || !item.key.endsWith('/'))
        objects.push(await mark(listing, item, signal))
      else enter(open, (await read(item.key)) ?? [], 'rclone')
    }
    return walks.toPage(wanted, { walk, objects })
  }
}

/** Marks a file whose name rclone shows with U+FFFD for bytes that are not UTF-8: it cannot be asked for. */
async function mark({ finder, getTraits }: Listing, item: ListedObject, signal: AbortSignal | undefined) {
  if (item.passed !== undefined || !isMended(item.key)) return item
  const isFound = (await finder.find(toRcloneName(item.key), await getTraits(signal), signal)) !== null
  return isFound ? item : { ...item, passed: 'not-utf-8' as const }
}

/** A directory's entries that may lead to wanted files, the next one last; null when it is gone. */
async function readDirectory(
  listing: Listing,
  path: string,
  wanted: Wanted,
  signal: AbortSignal | undefined,
): Promise<ListedObject[] | null> {
  const { server, remote, absence, getTraits } = listing
  const { isSlow, hash } = await getTraits(signal)
  const directory = toRcloneName(path).replace(/\/$/, '')
  const { crypt } = remote
  const inCrypt = joinPath(crypt?.path ?? '', directory)
  const below = crypt && (await readBelow(server, crypt, inCrypt, signal))
  const options = isSlow ? { noModTime: true } : { hashTypes: hash === null ? undefined : [hash] }
  const items = await server.list(remote.fs, directory, { ...options, signal })
  if (items === 'no-directory' && path !== '') {
    await absence.requireAll(signal)
    return null
  }
  if (typeof items === 'string') throw toRefusalError(items)
  // Rejects where that may not be all.
  if (absence.hasParts || (path === '' && items.length === 0)) await absence.requireAll(signal)
  const file = items.find(({ IsDir }) => !IsDir)
  if (file !== undefined) await absence.noteFile(file.Path)
  const undecryptable =
    crypt && below ? await findUndecryptable(server, crypt, inCrypt, { below, shown: items }) : []
  const objects = [
    ...items.flatMap((item) => toObject(path, item, isSlow ? null : hash) ?? []),
    ...undecryptable.map(({ Name }) => toPassed(path + Name, 'other')),
  ]
  objects.sort((a, b) => compareNames(b.key, a.key))
  return markTwins(objects).filter(({ key }) => leadsTo(key, wanted))
}

/** Null for what vouch itself keeps there. */
function toObject(path: string, item: RcloneItem, hash: string | null): ListedObject | null {
  const name = fromRcloneSegment(item.Name)
  const key = path + (name ?? item.Name)
  if (key === RESERVED) return null
  if (name === null || name.includes('/')) return toPassed(key, 'other')
  // A document of Google's has no size, and neither has a file that a web server makes as it is asked for.
  if (!item.IsDir)
    return item.Size < 0 ? toPassed(key, 'other') : { ...toInfo(key, item, hash), stored: undefined }
  return toPassed(`${key}/`, findFault(`${key}/x`) ?? undefined)
}

function toPassed(key: string, passed: PassedKind | undefined): ListedObject {
  return { key, size: 0, modified: null, version: null, stored: undefined, passed }
}

/**
 * The sorted objects. Those of one key are several files that rclone shows as one, such as on Google Drive:
 * throws `unreadable`, except where U+FFFD stands for different bytes.
 */
function markTwins(objects: readonly ListedObject[]): ListedObject[] {
  return objects.map((item, i) => {
    if (item.key !== objects[i - 1]?.key && item.key !== objects[i + 1]?.key) return item
    if (isMended(item.key)) return { ...item, passed: 'not-utf-8' as const }
    const name = escapeControls(toExample(item.key))
    throw new StorageError('unreadable', `rclone lists two entries of one name: ${name}`)
  })
}
