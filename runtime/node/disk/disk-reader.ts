import { hash } from 'node:crypto'
import { type BigIntStats, closeSync } from 'node:fs'
import { isRecent, toAge } from '../../../functions/storage/facts.ts'
import { changedError, changedWhileReadError, integrityError } from '../../../functions/wire/errors.ts'
import type { ByteRange } from '../../../functions/wire/fields/ranges.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { findLack, type Knowledge } from '../digests/belief.ts'
import type { DigestIndex } from '../digests/digest-index.ts'
import { toIoError } from '../files/errno.ts'
import { createExactNames, type ExactNames } from '../files/exact-names.ts'
import {
  allocate,
  type Identity,
  isSame,
  readIdentitySync,
  readUpTo,
  toIdentity,
  toTime,
  tryLstat,
} from '../files/identity.ts'
import { openFile, type RegularFile } from '../files/regular-file.ts'
import { isOwn, type Place, requireRoot, toPath } from '../files/root.ts'
import { CHEAP_BYTES, MAX_ATTEMPTS, READ_BYTES } from '../limits.ts'
import type { FileSystem } from '../mounts/file-system.ts'
import type { Located } from '../mounts/located.ts'
import { listMountPointsBelow } from '../mounts/mounts.ts'
import type { RootGuard } from '../mounts/root-guard.ts'
import { type Trouble, toTrouble } from '../threads/messages.ts'
import type { Answer, Answers, Batch, Content, Extra, Held } from './disk-messages.ts'

/** What is known while one batch is answered; all of it was seen after its questions were asked. */
interface Turn extends Knowledge {
  readonly guard: RootGuard
  readonly index: DigestIndex
  readonly exact: ExactNames
  /** Where the root lies. */
  place: Place
  /** Whether `place` has the mounts that other threads have met. */
  isRefreshed: boolean
  /** By `performance.now()`, when hashing is left to others. */
  readonly until: number
  /** Whether '' or `a/b` and all above it are directories on the root's device, listed, and no links. */
  readonly plain: Map<string, boolean>
  computed: number
  known: number
  wantsSync: boolean
}

/** A content, and how old its reading is where it was not made for the question. */
interface Found extends Content {
  readonly age: number | undefined
}

interface Asked extends Extra {
  /** Looked for in the index, and not found. */
  readonly unknown?: Identity
}

/** Answers batches on the calling thread, and writes to `index`; `readSystem` reads the file system. */
export function createDiskReader(
  guard: RootGuard,
  index: DigestIndex,
  readSystem: (place: Place) => FileSystem | null,
): (batch: Batch) => Answers {
  const exact = createExactNames()
  return ({ now, synced, patience, names, extras }) => {
    const until = performance.now() + patience
    const place = resolve(guard)
    if ('message' in place) {
      const answers = names.map((_, i) => (extras.get(i)?.look ? look(guard) : { trouble: place }))
      return { answers, ...NOTHING_DONE }
    }
    exact.begin()
    const turn: Turn = {
      ...{ guard, index, exact, now, synced, until, place, system: readSystem(place) },
      ...{ isRefreshed: false, plain: new Map(), ...NOTHING_DONE },
    }
    const answers = names.map((name, i) => answerOne(name, extras.get(i), turn))
    const { computed, known, wantsSync } = turn
    return { answers, computed, known, wantsSync }
  }
}

export const NOTHING_DONE = { computed: 0, known: 0, wantsSync: false }
const scratch = new Uint8Array(READ_BYTES)

function resolve(guard: RootGuard): Place | Trouble {
  try {
    return guard.resolve()
  } catch (error) {
    return toTrouble(toIoError(error, 'read'))
  }
}

function look(guard: RootGuard): Answer {
  try {
    return guard.look()
  } catch (error) {
    return { trouble: toTrouble(error) }
  }
}

function answerOne(name: string, extra: Extra | undefined, turn: Turn): Answer {
  try {
    if (extra?.look) return look(turn.guard)
    if (extra?.locate) return locate(name, turn)
    if (!extra?.own && isOwn(turn.place, name)) return null
    if (extra === undefined) return recallOrRead(name, turn)
    if (extra.hashed) turn.index.set(name, extra.hashed)
    return read(name, extra, turn)
  } catch (error) {
    return { trouble: toTrouble(toIoError(error, 'read')) }
  }
}

function recallOrRead(name: string, turn: Turn): Answer {
  const stats = readPlainStats(name, turn, 'isFile')
  if (stats === null) return read(name, {}, turn)
  const identity = toIdentity(stats)
  const dated = turn.index.get(name, identity, turn)
  if (dated === undefined) return read(name, { unknown: identity }, turn)
  turn.known++
  return toHeld(identity, dated.digest, toAge(dated.readAt, turn.now))
}

function read(name: string, extra: Asked, turn: Turn): Answer {
  const file = openFile(turn.place, name) ?? openOnMount(name, turn)
  if (file === null) return null
  let answer: Answer = null
  try {
    if (!turn.exact.isListedBelow(turn.place, name)) return null
    answer = extra.open === undefined ? describe(file, name, extra, turn) : open(file, name, extra, turn)
    return answer
  } finally {
    // The caller closes a descriptor that is handed over.
    if (answer === null || typeof answer !== 'object' || !('opened' in answer)) closeSync(file.fd)
  }
}

/** What is absent may lie on a mount that another thread has met, and that is gone. */
function openOnMount(name: string, turn: Turn): RegularFile | null {
  if (turn.isRefreshed) return null
  const { place } = turn
  turn.place = turn.guard.refresh(place)
  turn.isRefreshed = true
  return turn.place === place ? null : openFile(turn.place, name)
}

function describe({ fd, ...file }: RegularFile, name: string, extra: Asked, turn: Turn): Answer {
  let { identity } = file
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const content = find(name, identity, extra, turn)
    if (content !== undefined) {
      const held = toHeld(identity, content.digest, content.age)
      return extra.hashed === undefined ? held : { ...held, content }
    }
    if (identity.size > READ_BYTES) return 'slow'
    if (turn.computed > 0 && performance.now() > turn.until)
      return identity.size > CHEAP_BYTES ? 'slow' : 'later'
    const bytes = readUpTo(fd, scratch.subarray(0, identity.size), 0)
    const hashed = hashSmall({ fd, identity }, bytes, name, turn)
    if (hashed !== null) return toHeld(identity, hashed.digest)
    identity = readIdentitySync(fd)
  }
  throw changedWhileReadError()
}

function open({ fd, identity }: RegularFile, name: string, extra: Asked, turn: Turn): Answer {
  for (let now = identity, attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const content = find(name, now, extra, turn)
    const file = { fd, identity: now }
    const answer = content ? openKnown(file, content, extra) : openUnknown(file, name, extra, turn)
    if (answer !== 'changed') return answer
    now = readIdentitySync(fd)
  }
  throw changedWhileReadError()
}

/** Opens a small file that is unknown, which is read whole, whatever part is wanted. */
function openUnknown(file: RegularFile, name: string, extra: Asked, turn: Turn): Answer | 'changed' {
  const { fd, identity } = file
  if (identity.size > READ_BYTES) return 'slow'
  const bytes = readUpTo(fd, allocate(identity.size), 0)
  const content = hashSmall(file, bytes, name, turn)
  if (content === null) return 'changed'
  const { offset, length } = requireWanted(content, extra)
  const part = length === bytes.length ? bytes : bytes.slice(offset, offset + length)
  return { ...toHeld(identity, content.digest), bytes: part }
}

/** The content of this identity, if it was hashed after the question, or is remembered and recent enough. */
function find(name: string, identity: Identity, asked: Asked, turn: Turn): Found | undefined {
  const { hashed, maxAge, unknown } = asked
  if (hashed !== undefined && isSame(hashed.identity, identity)) {
    if (!hashed.isEarlier) return { ...hashed, age: undefined }
    if (isRecent(hashed.readAt, turn.now, maxAge)) return { ...hashed, age: toAge(hashed.readAt, turn.now) }
  }
  if (unknown !== undefined && isSame(unknown, identity)) return undefined
  const dated = turn.index.get(name, identity, turn, maxAge)
  if (dated === undefined) return undefined
  turn.known++
  return { identity, ...dated, systemId: turn.system?.id ?? null, age: toAge(dated.readAt, turn.now) }
}

/** The content of a file that holds exactly `bytes`, before and after the reading; null for any other. */
function hashSmall(file: RegularFile, bytes: Uint8Array, name: string, turn: Turn): Content | null {
  const { fd, identity } = file
  const digest = hash('sha256', bytes, 'hex')
  turn.computed++
  if (bytes.length !== identity.size || !isSame(readIdentitySync(fd), identity)) return null
  const content = { identity, digest, readAt: Math.floor(turn.now), systemId: findSystem(identity, turn) }
  turn.index.set(name, content)
  return content
}

/** The file system of a file that was read in this turn, if its digest may be remembered; else null. */
function findSystem(identity: Identity, turn: Turn): bigint | null {
  const lack = findLack(identity, turn)
  if (lack === 'sync') turn.wantsSync = true
  return lack === null ? (turn.system?.id ?? null) : null
}

/** The stats of an entry of this kind on the root's device that no link leads to; null for any other. */
function readPlainStats(path: string, turn: Turn, isKind: 'isFile' | 'isDirectory'): BigIntStats | null {
  const { place, exact } = turn
  const end = path.lastIndexOf('/')
  const parent = path.slice(0, Math.max(end, 0))
  if (!isPlain(parent, turn) || place.mounts.has(path)) return null
  const stats = tryLstat(toPath(place, path))
  if (!stats?.[isKind]() || stats.dev !== place.device) return null
  return exact.isListed(toPath(place, parent), path.slice(end + 1)) ? stats : null
}

/** See `Turn.plain`. */
function isPlain(path: string, turn: Turn): boolean {
  // The guard looked at the root for this batch.
  if (path === '') return true
  const seen = turn.plain.get(path)
  if (seen !== undefined) return seen
  const plain = readPlainStats(path, turn, 'isDirectory') !== null
  turn.plain.set(path, plain)
  return plain
}

/** Finds where a name is to be written; see `Located`. */
function locate(name: string, { place, exact }: Turn): Located {
  requireRoot(place, name)
  const points = new Set(listMountPointsBelow(place.path))
  let found: Pick<Located, 'top' | 'device' | 'inode'> = { top: '', device: place.device, inode: place.inode }
  for (let end = name.indexOf('/'); end !== -1; end = name.indexOf('/', end + 1)) {
    const path = name.slice(0, end)
    const stats = tryLstat(toPath(place, path))
    if (!stats?.isDirectory()) break
    if (stats.dev !== found.device || points.has(path)) {
      found = { top: path, device: stats.dev, inode: stats.ino }
    }
  }
  return { place, ...found, other: name === '' ? null : exact.findOther(place, name) }
}

/** Opens a content that is known: its bytes, or a descriptor when they are many. */
function openKnown({ fd }: RegularFile, content: Found, extra: Extra): Answer | 'changed' {
  const { identity, digest, age } = content
  const range = requireWanted(content, extra)
  const held = toHeld(identity, digest, age)
  if (range.length > READ_BYTES) return { ...held, opened: { fd, content } }
  const bytes = readUpTo(fd, allocate(range.length), range.offset)
  if (bytes.length !== range.length || !isSame(readIdentitySync(fd), identity)) return 'changed'
  if (range.length < identity.size) return { ...held, bytes }
  if (hash('sha256', bytes, 'hex') === digest) return { ...toHeld(identity, digest), bytes }
  // Where times show every change, the disk returned other bytes; elsewhere the file may have changed.
  if (content.systemId === null) return 'changed'
  throw integrityError()
}

/** The part to open. Throws when the content is not the one wanted, or has no such part. */
function requireWanted({ identity, digest }: Content, { open = {} }: Extra): ByteRange {
  const { size } = identity
  if (open.ifDigest !== undefined && open.ifDigest !== digest) throw changedError()
  const { offset, length } = open.range ?? { offset: 0, length: size }
  if (open.range && !(offset >= 0 && length >= 1 && offset + length <= size)) {
    throw new StorageError('out-of-range', `the range lies outside the file's ${size} bytes`)
  }
  return { offset, length }
}

/** `age` is absent when the bytes were read for the question. */
function toHeld(identity: Identity, digest: string, age?: number): Held {
  const held = { size: identity.size, digest, modified: toTime(identity.modifiedNs) }
  return age === undefined ? held : { ...held, age }
}
