import { StorageError } from '../../../functions/wire/storage-error.ts'
import type { IndexFile } from '../digests/index-file.ts'
import { type Identity, isSame, toIdentity, tryLstat } from '../files/identity.ts'
import { isStillAt, type Place, requireReadable, resolvePlace, toPath } from '../files/root.ts'
import { LOOK_FOR_MOUNTS_MS, MAX_MOUNTS } from '../limits.ts'
import { readLineage } from './lineage.ts'
import { MARKER, readMarker } from './marker.ts'
import { findMountPoint, listMountsBelow } from './mounts.ts'

/** What is remembered of the directory at one path, to recognize it: an empty one may be in its place. */
export interface Known {
  /** Its marker's id; null when it had none. */
  readonly marker: string | null
  readonly mountPoint: string
  /** The mount points of other file systems below it. */
  readonly mounts: readonly string[]
}

export type RootGuard = ReturnType<typeof createRootGuard>

/** A root that exists and may be read. */
export interface RootLook {
  /** See `readLineage`. */
  readonly lineage: readonly string[]
}

interface Learned {
  readonly known: Known
  /** What was in the memory then: something older where it could not be written. */
  readonly stored: string | undefined
}

interface Seen {
  readonly place: Place
  /** Of the file that holds the marker; null without one. */
  readonly identity: Identity | null
  /** When mounts were looked for, by `performance.now()`. */
  readonly at: number
}

/**
 * Finds where a root lies now, on the calling thread, following its symbolic links each time. Throws
 * `unreachable` when it leads nowhere, or to another file system than the one that is remembered, in
 * `memory`, or in this process what that cannot store: an unmounted disk leaves an empty directory behind.
 */
export function createRootGuard(root: string, memory: Pick<IndexFile, 'readRoot' | 'writeRoot'>) {
  const learned = new Map<string, Learned>()
  let seen: Seen | null = null

  /** What was learned here, unless another thread or process has written since. */
  function recall(path: string): Known | undefined {
    const stored = memory.readRoot(path)
    const own = learned.get(path)
    return stored === own?.stored ? own?.known : (parseKnown(stored) ?? own?.known)
  }

  function learn(path: string, known: Known): void {
    const text = JSON.stringify(known)
    if (text !== memory.readRoot(path)) memory.writeRoot(path, text)
    learned.set(path, { known, stored: memory.readRoot(path) ?? learned.get(path)?.stored })
  }

  function verify(): Place {
    const found = resolvePlace(root)
    const { path } = found
    const identity = readMarkerIdentity(found)
    const known = recall(path)
    const now = { marker: readKnownMarker(found, known), mountPoint: findMountPoint(path) }
    requireKnown(known, now)
    const mounts = [...new Set([...(known?.mounts ?? []), ...listMountsBelow(path)])].slice(0, MAX_MOUNTS)
    learn(path, { ...now, mounts })
    const place = { ...found, mounts: new Set(mounts), isMarked: now.marker !== null }
    // The same object while nothing changes.
    seen = { place: seen && isEqual(seen.place, place) ? seen.place : place, identity, at: performance.now() }
    return seen.place
  }

  function isStillSeen({ place, identity, at }: Seen): boolean {
    if (performance.now() - at > LOOK_FOR_MOUNTS_MS || !isStillAt(root, place)) return false
    const now = readMarkerIdentity(place)
    return now === null || identity === null ? now === identity : isSame(now, identity)
  }

  /** Called at the start of each batch, listing or survey, and before a write. */
  function resolve(): Place {
    return seen !== null && isStillSeen(seen) ? seen.place : verify()
  }

  return {
    /** Looks at the path, whatever is remembered of it; throws what `requireReadable` throws. */
    look(): RootLook {
      requireReadable(root)
      return { lineage: readLineage(root) }
    },
    resolve,
    /** Throws `unreachable` when the root no longer leads to `place`: what was read is not one tree. */
    requireSame(place: Place): void {
      if (isAtSame(resolve(), place)) return
      throw new StorageError('unreachable', 'another directory took its place while it was read; try again')
    },
    /** The place with the mounts that other threads and processes have found since. */
    refresh(place: Place): Place {
      const mounts = recall(place.path)?.mounts ?? []
      return mounts.every((mount) => place.mounts.has(mount)) ? place : { ...place, mounts: new Set(mounts) }
    },
  }
}

function isAtSame(a: Place, b: Place): boolean {
  return a.path === b.path && a.device === b.device && a.inode === b.inode
}

function isEqual(a: Place, b: Place): boolean {
  return (
    isAtSame(a, b) &&
    a.isMarked === b.isMarked &&
    a.mounts.size === b.mounts.size &&
    [...a.mounts].every((mount) => b.mounts.has(mount))
  )
}

/** Null also for a marker that may not be read, unless one is known. */
function readKnownMarker(place: Place, known: Known | undefined): string | null {
  try {
    return readMarker(place)
  } catch (error) {
    if (known !== undefined && known.marker !== null) throw error
    return null
  }
}

/** Replaces what `memory` knows by the directory as it is. Returns its marker's id; throws without one. */
export function acceptRoot(root: string, memory: Pick<IndexFile, 'writeRoot'>): string {
  const place = resolvePlace(root)
  const { path } = place
  const marker = readMarker(place)
  if (marker === null) throw unmounted(`its marker '${MARKER}' is not there`)
  const known: Known = { marker, mountPoint: findMountPoint(path), mounts: listMountsBelow(path) }
  memory.writeRoot(path, JSON.stringify(known))
  return marker
}

/** Throws `unreachable` when another directory lies there than the known one. */
function requireKnown(known: Known | undefined, now: Omit<Known, 'mounts'>): void {
  if (known === undefined) return
  if (known.marker !== null) {
    if (now.marker === known.marker) return
    throw now.marker === null
      ? unmounted(`its marker '${MARKER}' is not there`)
      : unmounted("another replica's marker is there")
  }
  // A new mount is intended; one that is gone reveals the directory beneath it.
  if (known.mountPoint.length > now.mountPoint.length)
    throw unmounted('the file system that it lay on is gone')
}

function unmounted(why: string): StorageError {
  const message = `the replica's disk seems not to be mounted: ${why}; if the directory is complete, run 'vouch mark' on it`
  return new StorageError('unreachable', message)
}

function readMarkerIdentity(place: Place): Identity | null {
  const stats = tryLstat(toPath(place, MARKER))
  return stats && toIdentity(stats)
}

function parseKnown(text: string | undefined): Known | undefined {
  if (text === undefined) return undefined
  try {
    const { marker, mountPoint, mounts } = JSON.parse(text)
    const isKnown = (marker === null || typeof marker === 'string') && typeof mountPoint === 'string'
    if (!isKnown || !Array.isArray(mounts)) return undefined
    return { marker, mountPoint, mounts: mounts.filter((mount) => typeof mount === 'string') }
  } catch {
    return undefined
  }
}
