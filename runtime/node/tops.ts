import { readFileSync } from 'node:fs'
import { constants, open } from 'node:fs/promises'
import { RESERVED } from '../../functions/storage/names.ts'
import { openBelow } from './below.ts'
import { isAbsence } from './errno.ts'
import { type Place, type Root, toPath } from './root.ts'

/** One path in a line, as JSON writes it. */
const TOPS = 'tops'

/**
 * The paths below the root at which other file systems begin that were written to, each of which keeps in a `.vouch/` of
 * its own; on the calling thread.
 */
export function readTops(place: Place): string[] {
  try {
    return parseTops(readFileSync(toPath(place, `${RESERVED}/${TOPS}`), 'utf8'))
  } catch (error) {
    if (isAbsence(error)) return []
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

const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW

/** A line that was cut off by a crash says nothing. */
function parseTops(text: string): string[] {
  return [...new Set(text.split('\n').flatMap(parseTop))]
}

function parseTop(line: string): string | [] {
  try {
    const top: unknown = JSON.parse(line)
    return typeof top === 'string' ? top : []
  } catch {
    return []
  }
}
