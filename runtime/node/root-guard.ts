import { lstatSync } from 'node:fs'
import { StorageError } from '../../functions/wire/trouble.ts'
import { type Identity, isSame, toIdentity } from './identity.ts'
import type { IndexFile } from './index-file.ts'
import { LOOK_FOR_MOUNTS_MS, MAX_MOUNTS } from './limits.ts'
import { readLineage } from './lineage.ts'
import { MARKER, readMarker } from './marker.ts'
import { findMountPoint, listMountsBelow } from './mounts.ts'
import { isStillAt, type Place, requireReadable, resolvePlace, toPath } from './root.ts'

/** What is remembered of the directory at one path, so that an empty directory in its place is not taken for it. */
export interface Known {
  /** Its marker's id; null when it had none. */
  readonly marker: string | null
  /** The path at which the file system that holds it is mounted. */
  readonly mountPoint: string
  /** The paths below it at which other file systems were mounted. */
  readonly mounts: readonly string[]
}

/**
 * Tells where a root lies now, on the calling thread, following its symbolic links each time. Throws `unreachable` when
 * it leads nowhere, or when another file system lies there than the one that is remembered: an unmounted disk leaves an
 * empty directory behind.
 */
export interface RootGuard {
  /** Looks at the path for the first time, whatever is remembered of it; throws what `requireReadable` throws. */
  look(): Looked
  /** Called at the start of each batch, listing or survey, and before a write. */
  resolve(): Place
  /** Throws `unreachable` when the root no longer leads to this place: what was read is not all of one tree. */
  requireSame(place: Place): void
  /** The place with the mounts that other threads and processes have met meanwhile. */
  refresh(place: Place): Place
}

/** What was seen of a root that is there and may be read. */
export interface Looked {
  /** See `readLineage`. */
  readonly lineage: readonly string[]
}

interface Learned {
  readonly known: Known
  /** What the memory held then, which is something older where it could not be written. */
  readonly stored: string | undefined
}

interface Seen {
  readonly place: Place
  /** Of the file that holds the marker; null when there is none. */
  readonly identity: Identity | null
  /** By `performance.now()`, when mounts were looked for. */
  readonly at: number
}

/** Remembers in `memory`, and by itself what that cannot take. */
export function createRootGuard(root: string, memory: Pick<IndexFile, 'readRoot' | 'writeRoot'>): RootGuard {
  const learned = new Map<string, Learned>()
  let seen: Seen | null = null

  /** What was learned here, unless another thread or process has written something since. */
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
    // One object for as long as nothing changes.
    seen = { place: seen && isEqual(seen.place, place) ? seen.place : place, identity, at: performance.now() }
    return seen.place
  }

  function isStillSeen({ place, identity, at }: Seen): boolean {
    if (performance.now() - at > LOOK_FOR_MOUNTS_MS || !isStillAt(root, place)) return false
    const now = readMarkerIdentity(place)
    return now === null || identity === null ? now === identity : isSame(now, identity)
  }

  function resolve(): Place {
    return seen !== null && isStillSeen(seen) ? seen.place : verify()
  }

  return {
    look() {
      requireReadable(root)
      return { lineage: readLineage(root) }
    },
    resolve,
    requireSame(place) {
      if (isAtSame(resolve(), place)) return
      throw new StorageError('unreachable', 'another directory took its place while it was read; ask again')
    },
    refresh(place) {
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

/** Whoever may not read a marker learns of none; where one has to be there, that is an error. */
function readKnownMarker(place: Place, known: Known | undefined): string | null {
  try {
    return readMarker(place)
  } catch (error) {
    if (known !== undefined && known.marker !== null) throw error
    return null
  }
}

/**
 * Has `memory` remember the directory as it is now, and nothing that was known of it before; the id of its marker, which
 * it must have.
 */
export function acceptRoot(root: string, memory: Pick<IndexFile, 'writeRoot'>): string {
  const place = resolvePlace(root)
  const { path } = place
  const marker = readMarker(place)
  if (marker === null) throw unmounted(`its marker '${MARKER}' is not there`)
  const known: Known = {
    marker,
    mountPoint: findMountPoint(path),
    mounts: listMountsBelow(path),
  }
  memory.writeRoot(path, JSON.stringify(known))
  return marker
}

/** Throws `unreachable` when what lies there is not what is known of it. */
function requireKnown(known: Known | undefined, now: Omit<Known, 'mounts'>): void {
  if (known === undefined) return
  if (known.marker !== null) {
    if (now.marker === known.marker) return
    throw now.marker === null
      ? unmounted(`its marker '${MARKER}' is not there`)
      : unmounted("another replica's marker is there")
  }
  // A mount that came is one that somebody made; one that went leaves what lay beneath it.
  if (known.mountPoint.length > now.mountPoint.length)
    throw unmounted('the file system that it lay on is gone')
}

function unmounted(why: string): StorageError {
  const message = `the replica's disk seems not to be mounted: ${why}; if the directory is complete, run 'vouch mark' on it`
  return new StorageError('unreachable', message)
}

function readMarkerIdentity(place: Place): Identity | null {
  try {
    const stats = lstatSync(toPath(place, MARKER), { bigint: true, throwIfNoEntry: false })
    return stats === undefined ? null : toIdentity(stats)
  } catch {
    return null
  }
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
