import { RESERVED } from '../../../functions/storage/names.ts'
import type { Digest } from '../../../functions/wire/digest.ts'
import { readStats } from '../files/identity.ts'
import { type Place, toPath } from '../files/root.ts'

/**
 * Replaced files are kept on shelves, `.vouch/kept` and, rarely, `.vouch/kept.1` and so on: at
 * `<digest>/<name>` on the first where no file is in the way of its directories, and no directory in the way
 * of the file.
 */
export function toShelf(n: number): string {
  return n === 0 ? 'kept' : `kept.${n}`
}

/** The existing shelves, on the calling thread. Throws `unreadable` when they may not be looked at. */
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
