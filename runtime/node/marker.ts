import { randomUUID } from 'node:crypto'
import { closeSync, lstatSync, openSync, renameSync } from 'node:fs'
import { link } from 'node:fs/promises'
import { RESERVED } from '../../functions/storage/names.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { openBelow } from './below.ts'
import type { Drafts } from './drafts.ts'
import { getErrno, isAbsence, isWithoutLinks, toIoError } from './errno.ts'
import { FILE_FLAGS } from './regular-file.ts'
import { type Place, type Root, toPath } from './root.ts'
import { allocate, readUpTo } from './sync-reads.ts'
import { takeTurn } from './turns.ts'

/** The file below a root that tells its directory from another one in its place, such as an empty mount point. */
export const MARKER = `${RESERVED}/replica`

/** A random UUID and a line feed. */
const CONTENT = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\n$/
const CONTENT_BYTES = 37

/**
 * The id in a root's marker, on the calling thread; null where there is no marker. Throws `unreachable` when the marker
 * cannot be read, or is not one.
 */
export function readMarker(place: Place): string | null {
  try {
    const id = CONTENT.exec(readText(toPath(place, MARKER)))?.[1]
    if (id !== undefined) return id
  } catch (error) {
    if (isAbsence(error)) return null
    throw toUnreadable(toIoError(error, 'read'))
  }
  throw toUnreadable('it does not hold an id')
}

/** Makes a marker where there is none, by way of a draft of the same root. */
export async function makeMarker(root: Root, drafts: Drafts): Promise<void> {
  await drafts.withDraft(async ({ handle, path }) => {
    await handle.writeFile(`${randomUUID()}\n`)
    await handle.sync()
    const own = await openBelow(root, [RESERVED], { mode: 0o700 })
    try {
      await give(root, path, `${own.path}/replica`)
      await own.handle.sync()
    } finally {
      await own.handle.close()
    }
  })
}

/** Gives the draft its name, unless something has it. */
async function give(root: Root, draft: string, marker: string): Promise<void> {
  try {
    await link(draft, marker)
  } catch (error) {
    if (getErrno(error) === 'EEXIST') return
    if (!isWithoutLinks(error)) throw error
    await takeTurn(root, () => {
      if (lstatSync(marker, { throwIfNoEntry: false }) === undefined) renameSync(draft, marker)
    })
  }
}

function readText(path: string): string {
  const fd = openSync(path, FILE_FLAGS)
  try {
    return Buffer.from(readUpTo(fd, allocate(CONTENT_BYTES + 1), 0)).toString('latin1')
  } finally {
    closeSync(fd)
  }
}

function toUnreadable(cause: unknown): StorageError {
  const why = cause instanceof Error ? cause.message : cause
  return new StorageError('unreachable', `the marker '${MARKER}' cannot be used: ${why}`, { cause })
}
