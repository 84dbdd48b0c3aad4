import { compareNames } from '../storage/names.ts'
import type { Found } from '../storage/survey.ts'
import type { Digest } from '../wire/digest.ts'
import { StorageError } from '../wire/trouble.ts'
import type { Answer } from './compare.ts'
import type { Stream } from './survey-stream.ts'

/** A name, and what each replica's survey said of it, in the order of the streams. */
export interface Sighting {
  readonly name: string
  readonly answers: readonly Answer[]
  /** By replica, what copies that rotted were before. */
  readonly rotted: ReadonlyMap<string, Digest>
}

interface Cursor {
  readonly stream: Stream<Found>
  found: Found | null | StorageError
}

/**
 * Brings the files of several replicas together, name by name, keeping one of each. A replica that cannot go on is told
 * to `onLost`, and what it says of every further name is its error.
 */
export async function* mergeFound(
  streams: readonly Stream<Found>[],
  onLost: (id: string, error: StorageError) => void,
): AsyncGenerator<Sighting> {
  async function advance(cursor: Cursor): Promise<void> {
    cursor.found = await cursor.stream.next()
    if (cursor.found instanceof StorageError) onLost(cursor.stream.id, cursor.found)
  }

  const cursors: Cursor[] = streams.map((stream) => ({ stream, found: null }))
  let due: readonly Cursor[] = cursors
  for (;;) {
    await Promise.all(due.map(advance))
    const name = findLeast(cursors)
    if (name === null) return
    due = cursors.filter(({ found }) => isAt(found, name))
    yield toSighting(name, cursors)
  }
}

function findLeast(cursors: readonly Cursor[]): string | null {
  let least: string | null = null
  for (const { found } of cursors) {
    if (found === null || found instanceof StorageError) continue
    if (least === null || compareNames(found.name, least) < 0) least = found.name
  }
  return least
}

function isAt(found: Cursor['found'], name: string): found is Found {
  return found !== null && !(found instanceof StorageError) && found.name === name
}

function toSighting(name: string, cursors: readonly Cursor[]): Sighting {
  const rotted = new Map<string, Digest>()
  const answers = cursors.map(({ stream: { id }, found }): Answer => {
    if (found instanceof StorageError) return { id, said: found }
    if (!isAt(found, name)) return { id, said: null }
    if (found.rottedFrom !== undefined) rotted.set(id, found.rottedFrom)
    return { id, said: found.said }
  })
  return { name, answers, rotted }
}
