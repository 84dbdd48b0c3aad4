import { randomUUID } from 'node:crypto'
import { closeSync, lstatSync, openSync, renameSync } from 'node:fs'
import { link } from 'node:fs/promises'
import { RESERVED } from '../../../functions/storage/names.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { getErrno, isAbsence, isWithoutLinks, toIoError } from '../files/errno.ts'
import { allocate, readUpTo } from '../files/identity.ts'
import { FILE_FLAGS } from '../files/regular-file.ts'
import { type Place, type Root, toPath } from '../files/root.ts'
import { withOwnDirectory } from '../write/make-directories.ts'
import type { TempFiles } from '../write/temp-files.ts'
import { withWriteLock } from '../write/write-lock.ts'

/** The file that tells a root's directory from another in its place, such as an empty mount point. */
export const MARKER = `${RESERVED}/replica`

/** A random UUID and a line feed. */
const CONTENT = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\n$/
const CONTENT_BYTES = 37

/** The id in a root's marker; null for no marker. Throws `unreachable` for one without a readable id. */
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

/** Makes a marker where one is missing, by way of a temporary file of the same root. */
export async function makeMarker(root: Root, tempFiles: TempFiles): Promise<void> {
  await tempFiles.withFile(async ({ handle, path }) => {
    await handle.writeFile(`${randomUUID()}\n`)
    await handle.sync()
    await withOwnDirectory(root, [], async (own) => {
      await give(root, path, `${own.path}/replica`)
      await own.handle.sync()
    })
  })
}

/** Gives the temporary file its name, unless that is taken. */
async function give(root: Root, temp: string, marker: string): Promise<void> {
  try {
    await link(temp, marker)
  } catch (error) {
    if (getErrno(error) === 'EEXIST') return
    if (!isWithoutLinks(error)) throw error
    await withWriteLock(root, () => {
      if (lstatSync(marker, { throwIfNoEntry: false }) === undefined) renameSync(temp, marker)
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
