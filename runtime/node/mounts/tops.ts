import { closeSync, constants, readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { parseName, RESERVED } from '../../../functions/storage/names.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { openFile, type RegularFile } from '../files/regular-file.ts'
import type { Place, Root } from '../files/root.ts'
import { withOwnDirectory } from '../write/make-directories.ts'

/** A file of one path a line, in JSON. */
const TOPS = 'tops'

/**
 * The paths below the root at which other file systems begin that were written to, and that each have a
 * `.vouch/`; on the calling thread. Empty where the list is not a regular file.
 */
export function readTops(place: Place): string[] {
  const file = tryOpen(place)
  if (file === null) return []
  try {
    return parseTops(readFileSync(file.fd, 'utf8'))
  } finally {
    closeSync(file.fd)
  }
}

function tryOpen(place: Place): RegularFile | null {
  try {
    return openFile(place, `${RESERVED}/${TOPS}`)
  } catch (error) {
    if (error instanceof StorageError && error.code === 'not-a-file') return null
    throw error
  }
}

/** Adds a path to the list, durably. */
export async function noteTop(root: Root, top: string): Promise<void> {
  await withOwnDirectory(root, [], async (own) => {
    const handle = await open(`${own.path}/${TOPS}`, FLAGS, 0o600)
    try {
      if (parseTops(await handle.readFile('utf8')).includes(top)) return
      await handle.appendFile(`${JSON.stringify(top)}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await own.handle.sync()
  })
}

/** O_NONBLOCK: reading a FIFO would wait for a writer. */
const FLAGS =
  constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Skips lines that a crash has truncated, and paths that lead out of the root. */
function parseTops(text: string): string[] {
  return [...new Set(text.split('\n').flatMap(parseTop))]
}

function parseTop(line: string): string | [] {
  try {
    const top: unknown = JSON.parse(line)
    return (typeof top === 'string' && parseName(top)) || []
  } catch {
    return []
  }
}
