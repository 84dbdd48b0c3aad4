import { closeSync, readFileSync } from 'node:fs'
import { constants, open } from 'node:fs/promises'
import { parseName, RESERVED } from '../../functions/storage/names.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { openBelow } from './below.ts'
import { openFile, type RegularFile } from './regular-file.ts'
import type { Place, Root } from './root.ts'

/** One path in a line, as JSON writes it. */
const TOPS = 'tops'

/**
 * The paths below the root at which other file systems begin that were written to, each of which keeps in a `.vouch/` of
 * its own; on the calling thread. What is no file, or lies behind a link, says nothing.
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

/** Has the root remember that something is written there; on the disk when this resolves. */
export async function noteTop(root: Root, top: string): Promise<void> {
  const own = await openBelow(root, [RESERVED], { mode: 0o700 })
  try {
    const handle = await open(`${own.path}/${TOPS}`, FLAGS, 0o600)
    try {
      if (parseTops(await handle.readFile('utf8')).includes(top)) return
      await handle.appendFile(`${JSON.stringify(top)}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await own.handle.sync()
  } finally {
    await own.handle.close()
  }
}

/** O_NONBLOCK: reading a FIFO would wait for a writer. */
const FLAGS =
  constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Skips lines that a crash has cut off, and lines that lead out of the root. */
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
