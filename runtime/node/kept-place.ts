import { RESERVED } from '../../functions/storage/names.ts'
import type { Digest } from '../../functions/wire/digest.ts'
import { readStats } from './regular-file.ts'
import { type Place, toPath } from './root.ts'

/**
 * What is kept lies on shelves, `.vouch/kept` and, hardly ever, `.vouch/kept.1` and on: at `<digest>/<name>` on the
 * first where no file stands in the way of that path's directories, nor a directory in the file's own.
 */
export function toShelf(n: number): string {
  return n === 0 ? 'kept' : `kept.${n}`
}

/** The shelves that there are, on the calling thread. Throws `unreadable` when they may not be looked at. */
export function findShelves(place: Pick<Place, 'path'>): string[] {
  const shelves: string[] = []
  while (readStats(toPath(place, `${RESERVED}/${toShelf(shelves.length)}`)) !== null)
    shelves.push(toShelf(shelves.length))
  return shelves
}

/** The path of a kept content below the root. */
export function toKeptPath(shelf: string, digest: Digest, name: string): string {
  return `${RESERVED}/${shelf}/${digest}/${name}`
}
