import { hash } from 'node:crypto'
import { type BigIntStats, closeSync } from 'node:fs'
import { isRecent, toAge } from '../../functions/storage/freshness.ts'
import type { ByteRange } from '../../functions/wire/ranges.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { findLack } from './belief.ts'
import type { DigestIndex } from './digest-index.ts'
import {
  type Answer,
  type Answers,
  type Batch,
  type Content,
  type Extra,
  type Held,
  type Trouble,
  toTrouble,
} from './disk-messages.ts'
import { toIoError } from './errno.ts'
import { createExactNames, type ExactNames } from './exact-names.ts'
import { changed } from './file-digest.ts'
import type { FileSystem } from './file-system.ts'
import { type Identity, isSame, toIdentity, toModified } from './identity.ts'
import { CHEAP_BYTES, MAX_ATTEMPTS, READ_BYTES } from './limits.ts'
import type { Located } from './located.ts'
import { listMountPointsBelow } from './mounts.ts'
import { openFile, type RegularFile, tryLstat } from './regular-file.ts'
import { isOwn, type Place, requireRoot, toPath } from './root.ts'
import type { RootGuard } from './root-guard.ts'
import { allocate, readIdentitySync, readUpTo } from './sync-reads.ts'

/** Answers batches on the calling thread, one after the other. */
export type AnswerBatch = (batch: Batch) => Answers

/** What is known while one batch is answered; all of it was seen after its questions were asked. */
interface Turn {
  readonly batch: Batch
  /** Where the root lies. */
  place: Place
  /** What `place` lies on; null where nothing is remembered. */
  readonly system: FileSystem | null
  /** As in `batch`. */
  readonly now: number
  /** Whether `place` has the mounts that others have met by now. */
  isRefreshed: boolean
  /** By `performance.now()`, when hashing is to be left to others. */
  readonly until: number
  /**
   * Whether the root and the directories below it ('' and `a/b`) are directories on the root's device, no links, and
   * listed by their names.
   */
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

/** Reads below the root of `guard`, which lies on the file system that `readSystem` returns; what it hashes goes into `index`. */
export function createDiskReader(
  guard: RootGuard,
  index: DigestIndex,
  readSystem: (place: Place) => FileSystem | null,
): AnswerBatch {
  const scratch = new Uint8Array(READ_BYTES)
  const exact = createExactNames()

  function look(): Answer {
    try {
      return guard.look()
    } catch (error) {
      return { trouble: toTrouble(error) }
    }
  }

  function answerOne(name: string, extra: Extra | undefined, turn: Turn): Answer {
    try {
      if (extra?.look) return look()
      if (extra?.locate) return locate(turn.place, name, exact)
      if (!extra?.own && isOwn(turn.place, name)) return null
      if (extra === undefined) return recallOrRead(name, turn)
      if (extra.hashed) index.set(name, extra.hashed)
      return read(name, extra, turn)
    } catch (error) {
      return { trouble: toTrouble(toIoError(error, 'read')) }
    }
  }

  function recallOrRead(name: string, turn: Turn): Answer {
    const stats = readPlainStats(name, turn, exact)
    if (stats === null) return read(name, {}, turn)
    const identity = toIdentity(stats)
    const dated = index.get(name, identity, turn)
    if (dated === undefined) return read(name, { unknown: identity }, turn)
    turn.known++
    return toHeld(identity, dated.digest, toAge(dated.readAt, turn.now))
  }

  function read(name: string, extra: Asked, turn: Turn): Answer {
    const file = openFile(turn.place, name) ?? openOnMount(name, turn)
    if (file === null) return null
    let answer: Answer = null
    try {
      if (!exact.isListedBelow(turn.place, name)) return null
      answer = extra.open === undefined ? describe(file, name, extra, turn) : open(file, name, extra, turn)
      return answer
    } finally {
      // From here on a descriptor that is opened belongs to who asked.
      if (!isHandedOver(answer)) closeSync(file.fd)
    }
  }

  /** What is absent may lie on a mount that another thread has met, and that is gone. */
  function openOnMount(name: string, turn: Turn): RegularFile | null {
    if (turn.isRefreshed) return null
    const { place } = turn
    turn.place = guard.refresh(place)
    turn.isRefreshed = true
    return turn.place === place ? null : openFile(turn.place, name)
  }

  function describe(file: RegularFile, name: string, extra: Asked, turn: Turn): Answer {
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
      const bytes = readUpTo(file.fd, scratch.subarray(0, identity.size), 0)
      const hashed = hashSmall(file, bytes, identity, name, turn)
      if (hashed !== null) return toHeld(identity, hashed.digest)
      identity = readIdentitySync(file.fd)
    }
    throw changed()
  }

  function open(file: RegularFile, name: string, extra: Asked, turn: Turn): Answer {
    let { identity } = file
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const content = find(name, identity, extra, turn)
      // Small and unknown, it is read whole whatever part is wanted.
      const answer =
        content === undefined
          ? openUnknown(file, identity, name, extra, turn)
          : openKnown(file, content, extra)
      if (answer !== 'changed') return answer
      identity = readIdentitySync(file.fd)
    }
    throw changed()
  }

  function openUnknown(
    file: RegularFile,
    identity: Identity,
    name: string,
    extra: Asked,
    turn: Turn,
  ): Answer | 'changed' {
    if (identity.size > READ_BYTES) return 'slow'
    const bytes = readUpTo(file.fd, allocate(identity.size), 0)
    const content = hashSmall(file, bytes, identity, name, turn)
    if (content === null) return 'changed'
    const { offset, length } = requireWanted(content, extra)
    const part = length === bytes.length ? bytes : bytes.slice(offset, offset + length)
    return { ...toHeld(identity, content.digest), bytes: part }
  }

  /** The content of this identity, as far as it was hashed after the question, or is remembered and recent enough. */
  function find(
    name: string,
    identity: Identity,
    { hashed, maxAge, unknown }: Asked,
    turn: Turn,
  ): Found | undefined {
    if (hashed !== undefined && isSame(hashed.identity, identity)) {
      if (!hashed.isEarlier) return { ...hashed, age: undefined }
      if (isRecent(hashed.readAt, turn.now, maxAge)) return { ...hashed, age: toAge(hashed.readAt, turn.now) }
    }
    if (unknown !== undefined && isSame(unknown, identity)) return undefined
    const dated = index.get(name, identity, turn, maxAge)
    if (dated === undefined) return undefined
    turn.known++
    return { identity, ...dated, systemId: turn.system?.id ?? null, age: toAge(dated.readAt, turn.now) }
  }

  /** The content that `bytes` are, if they are all that the file holds and still does; else null. */
  function hashSmall(
    file: RegularFile,
    bytes: Uint8Array,
    identity: Identity,
    name: string,
    turn: Turn,
  ): Content | null {
    const digest = hash('sha256', bytes, 'hex')
    turn.computed++
    if (bytes.length !== identity.size || !isSame(readIdentitySync(file.fd), identity)) return null
    const content = { identity, digest, readAt: Math.floor(turn.now), systemId: findSystem(identity, turn) }
    index.set(name, content)
    return content
  }

  function resolve(): Place | Trouble {
    try {
      return guard.resolve()
    } catch (error) {
      return toTrouble(toIoError(error, 'read'))
    }
  }

  return (batch) => {
    const until = performance.now() + batch.patience
    const place = resolve()
    if ('message' in place) {
      const answers = batch.names.map((_, i) => (batch.extras.get(i)?.look ? look() : { trouble: place }))
      return { id: batch.id, answers, ...NOTHING_DONE }
    }
    exact.begin()
    const system = readSystem(place)
    const { now } = batch
    const turn: Turn = {
      batch,
      place,
      system,
      now,
      isRefreshed: false,
      until,
      plain: new Map(),
      ...NOTHING_DONE,
    }
    const answers = batch.names.map((name, i) => answerOne(name, batch.extras.get(i), turn))
    const { computed, known, wantsSync } = turn
    return { id: batch.id, answers, computed, known, wantsSync }
  }
}

const NOTHING_DONE = { computed: 0, known: 0, wantsSync: false }

/** The file system of a file that was read in this turn, where its digest may be remembered; else null. */
function findSystem(identity: Identity, turn: Turn): bigint | null {
  const { system, now, batch } = turn
  const lack = findLack(identity, { system, now, synced: batch.synced })
  if (lack === 'sync') turn.wantsSync = true
  return lack === null ? (system?.id ?? null) : null
}

/** The stats of a file to be reached without a link, on the root's device; null when it is not as most are. */
function readPlainStats(name: string, turn: Turn, exact: ExactNames): BigIntStats | null {
  const parent = toParent(name)
  if (!isPlain(parent, turn, exact) || turn.place.mounts.has(name)) return null
  const stats = tryLstat(toPath(turn.place, name))
  if (!stats?.isFile() || stats.dev !== turn.place.device) return null
  return isListedIn(parent, name, turn.place, exact) ? stats : null
}

function toParent(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0))
}

function isListedIn(parent: string, path: string, place: Place, exact: ExactNames): boolean {
  const directory = parent === '' ? place.path : toPath(place, parent)
  return exact.isListed(directory, parent === '' ? path : path.slice(parent.length + 1))
}

/** See `Turn.plain`. */
function isPlain(path: string, turn: Turn, exact: ExactNames): boolean {
  // The root was looked at for this batch.
  if (path === '') return true
  const seen = turn.plain.get(path)
  if (seen !== undefined) return seen
  const plain = isPlainBelow(toParent(path), path, turn, exact)
  turn.plain.set(path, plain)
  return plain
}

function isPlainBelow(parent: string, path: string, turn: Turn, exact: ExactNames): boolean {
  const { place } = turn
  if (!isPlain(parent, turn, exact) || place.mounts.has(path)) return false
  const stats = tryLstat(toPath(place, path))
  if (!stats?.isDirectory() || stats.dev !== place.device) return false
  return isListedIn(parent, path, place, exact)
}

/** Where a name is to be written; see `Located`. */
function locate(place: Place, name: string, exact: ExactNames): Located {
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

/** What was asked of a content that is known: its bytes, or a descriptor when they are many. */
function openKnown({ fd }: RegularFile, content: Found, extra: Extra): Answer | 'changed' {
  const { identity, digest, age } = content
  const range = requireWanted(content, extra)
  const held = toHeld(identity, digest, age)
  if (range.length > READ_BYTES) return { ...held, opened: { fd, content } }
  const bytes = readUpTo(fd, allocate(range.length), range.offset)
  if (bytes.length !== range.length || !isSame(readIdentitySync(fd), identity)) return 'changed'
  if (range.length < identity.size) return { ...held, bytes }
  if (hash('sha256', bytes, 'hex') === digest) return { ...toHeld(identity, digest), bytes }
  // Where the times do not show every change, the file counts as changed; where they do, the disk returned other bytes.
  if (content.systemId === null) return 'changed'
  throw new StorageError('integrity', 'the bytes contradict their digest')
}

function isHandedOver(answer: Answer): boolean {
  return answer !== null && typeof answer === 'object' && 'opened' in answer
}

/** The part that is to be opened; throws when the content is not the one wanted, or has no such part. */
function requireWanted({ identity, digest }: Content, { open = {} }: Extra): ByteRange {
  const { size } = identity
  if (open.ifDigest !== undefined && open.ifDigest !== digest) throw changed()
  const { offset, length } = open.range ?? { offset: 0, length: size }
  if (open.range && !(offset >= 0 && length >= 1 && offset + length <= size)) {
    throw new StorageError('out-of-range', `the range lies outside the file's ${size} bytes`)
  }
  return { offset, length }
}

/** `age` is absent for what was read for the question. */
function toHeld(identity: Identity, digest: string, age?: number): Held {
  const held = { size: identity.size, digest, modified: toModified(identity) }
  return age === undefined ? held : { ...held, age }
}
