import { hash } from 'node:crypto'
import { closeSync } from 'node:fs'
import { isRecent, toAge } from '../../functions/storage/freshness.ts'
import { createPrune, createSelect } from '../../functions/storage/globs.ts'
import type { Facts } from '../../functions/storage/storage.ts'
import {
  type Amount,
  type Closed,
  createSeenCounter,
  createSpanner,
  type Survey,
} from '../../functions/storage/survey.ts'
import { createTally } from '../../functions/storage/tally.ts'
import type { Digest } from '../../functions/wire/digest.ts'
import type { PassedKind } from '../../functions/wire/passed.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { findLack, type Knowledge } from './belief.ts'
import { fromHeld, type Trouble, toTrouble } from './disk-messages.ts'
import { toIoError } from './errno.ts'
import { changed } from './file-digest.ts'
import { createFileOpener } from './file-opener.ts'
import type { FileSystem } from './file-system.ts'
import {
  hasKey,
  type Identity,
  isSame,
  isSettled,
  isSettledAt,
  toIdentity,
  toKey,
  toModified,
} from './identity.ts'
import { createIndexCursor } from './index-cursor.ts'
import type { IndexFile } from './index-file.ts'
import { type IndexRow, isGenuine } from './index-table.ts'
import type { IndexWriter } from './index-writer.ts'
import {
  COUNT_AFTER_MS,
  MAX_ATTEMPTS,
  MAX_FILES_AHEAD,
  MAX_LINES_PER_STEP,
  MAX_PASS_FILES,
  MAX_SURVEY_HASHES,
  READ_BYTES,
  TREE_STEP_MS,
} from './limits.ts'
import { type RegularFile, tryLstat, tryLstatQuickly } from './regular-file.ts'
import { type Place, toPath } from './root.ts'
import { type SpanMemory, toSpan } from './span-memory.ts'
import { readIdentitySync, readUpTo } from './sync-reads.ts'
import type { Hashed, StepOrder, TreeLine, TreeStep } from './tree-messages.ts'
import { type Course, walkTree } from './tree-walk.ts'

/** A survey under way, on the calling thread. */
export interface TreeSurvey {
  /** Works for as long as it is told. Throws when the root cannot be read. */
  step(order: StepOrder): TreeStep
  /** Writes to the index what was hashed, and closes what is open; called once, whether or not the survey is done. */
  end(): void
}

/** What surveys of one root share. */
export interface Tree {
  readonly place: Place
  /** Throws `unreachable` when the root no longer is at `place`. */
  requireSame(place: Place): void
  /** What a place lies on; null where nothing is remembered. */
  readonly look: (place: Place) => FileSystem | null
  readonly index: IndexFile
  /** Writes to it. */
  readonly writer: IndexWriter
  readonly memory: SpanMemory
}

/** A file that the walk has met. Those that are ready go out in the order of the walk. */
interface Slot {
  readonly name: string
  /** What was remembered of it, and is to be held against what its bytes are now. */
  readonly remembered: IndexRow | undefined
  /** Null once it is known to be gone; undefined while it is being hashed elsewhere. */
  said: Facts | Trouble | null | undefined
  isKnown: boolean
  /** Whether the bytes differ from those remembered, which the thread that answers reads must learn. */
  isRotten?: boolean
  rottedFrom?: Digest | undefined
  /** Why it is passed over; `said` is null then. */
  readonly passed?: PassedKind | undefined
}

type Wanted = TreeStep['wanted'][number]

/** What holds for one step. */
interface Turn extends Knowledge, Pick<StepOrder, 'isPatient'> {
  readonly wanted: Wanted[]
}

const scratch = new Uint8Array(READ_BYTES)

export function createTreeSurvey(
  { place, requireSame, look: lookAt, index, writer, memory }: Tree,
  survey: Survey,
): TreeSurvey {
  const { ranges, prefix, grain, maxAge } = survey
  const course = { ranges, prefix, isWanted: createSelect(survey), isPruned: createPrune(survey) }
  const walk = walkTree(place, course)
  const count = createCount(place, course)
  const countFrom = performance.now() + COUNT_AFTER_MS
  const cursor = createIndexCursor(index)
  const opener = createFileOpener(place)
  const finer = memory.begin(survey)
  const spanner = createSpanner(ranges, grain === 0 ? [] : [grain, ...finer.grains])
  const hashing = new Map<string, Slot>()
  let slots: Slot[] = []
  /** Met, and not read before a sync has ended. */
  let unsynced: Slot | null = null
  const seen = createSeenCounter()
  const tally = createTally()
  let isWalked = false
  let computed = 0
  let known = 0
  let work = 0
  let wantsSync = false

  function look(name: string, turn: Turn): Slot {
    const row = cursor.seek(name)
    const written = row !== undefined && isGenuine(row) ? row : undefined
    const remembered = writer.find(name) ?? written
    const slot: Slot = { name, remembered, said: null, isKnown: false }
    slot.said = (remembered && recall(name, remembered, turn)) ?? recallFromPass(name, turn)
    slot.isKnown = slot.said !== undefined
    return slot
  }

  /** The facts of a file that is as the index has it, from a reading that is recent enough. */
  function recall(name: string, row: IndexRow, { system, now }: Turn): Facts | undefined {
    if (system === null || !isRecent(row.readAt, now, maxAge)) return undefined
    const path = toPath(place, name)
    const isQuick = grain > 0
    return (isQuick ? recallQuickly(path, row, system, now) : null) ?? recallExactly(path, row, system, now)
  }

  /** The facts of a large file that an earlier survey of this pass had hashed, and that shows no change since. */
  function recallFromPass(name: string, { now }: Turn): Facts | undefined {
    const content = finer.files.get(name)
    if (content === undefined || !isRecent(content.readAt, now, maxAge)) return undefined
    const stats = tryLstat(toPath(place, name))
    if (stats === null || !isSame(toIdentity(stats), content.identity)) return undefined
    const { identity, digest, readAt } = content
    const age = toAge(readAt, now)
    return { size: identity.size, digest, modified: toModified(identity), evidence: 'remembered', age }
  }

  /** Only what a span is made of: its size and its digest. */
  function recallQuickly(path: string, row: IndexRow, { device, id }: FileSystem, now: number): Facts | null {
    const stats = tryLstatQuickly(path)
    if (!stats?.isFile() || stats.dev !== Number(device)) return null
    if (!isSettledAt(Math.max(stats.mtimeMs, stats.ctimeMs), stats.size, now)) return null
    return hasKey(stats, Number(id), row.identity) ? toRecalled(stats.size, null, row, now) : null
  }

  function recallExactly(
    path: string,
    row: IndexRow,
    { device, id }: FileSystem,
    now: number,
  ): Facts | undefined {
    const stats = tryLstat(path)
    if (stats === null || !stats.isFile() || stats.dev !== device) return undefined
    const identity = toIdentity(stats)
    const isUnchanged = isSettled(identity, now) && toKey(id, identity) === row.identity
    return isUnchanged ? toRecalled(identity.size, toModified(identity), row, now) : undefined
  }

  /** What a file that the index does not tell of holds; undefined when it is hashed elsewhere. */
  function read(slot: Slot, turn: Turn): Slot['said'] | typeof UNSYNCED {
    try {
      const file = opener.open(slot.name)
      if (file === null) return null
      try {
        if (turn.isPatient && lacksSync(file.identity, turn)) return UNSYNCED
        return isForOthers(file, slot, turn) ? undefined : hashSmall(file, slot, turn)
      } finally {
        closeSync(file.fd)
      }
    } catch (error) {
      // What became a link or the like since the walk is no file.
      if (error instanceof StorageError && error.code === 'not-a-file') return null
      return toTrouble(toIoError(error, 'read'))
    }
  }

  /** Whether nothing but a sync is missing for a small file's digest to be remembered. */
  function lacksSync(identity: Identity, turn: Turn): boolean {
    return identity.size <= READ_BYTES && findLack(identity, turn) === 'sync'
  }

  /**
   * Whether another thread hashes the file: a large one, and, where readings must be recent, one that the index does not
   * know. The thread that answers reads may know it, and must learn what is found.
   */
  function isForOthers({ identity }: RegularFile, { remembered }: Slot, { system }: Turn): boolean {
    if (identity.size > READ_BYTES) return true
    return maxAge !== null && system !== null && remembered?.identity !== toKey(system.id, identity)
  }

  function hashSmall(file: RegularFile, slot: Slot, turn: Turn): Facts | undefined {
    const { name, remembered } = slot
    const { system, now } = turn
    const isMissed = lacksSync(file.identity, turn)
    const { identity, digest, isSteady } = hashWhole(file, (identity) => findLack(identity, turn) === null)
    computed++
    work += identity.size
    if (isMissed) wantsSync = true
    if (system?.device === identity.device) {
      const row = { name, identity: toKey(system.id, identity), digest, readAt: Math.floor(now) }
      // The thread that answers reads must learn of it, and hashes the file once more.
      slot.isRotten = isSettled(identity, now) && isRotten(row, remembered)
      if (slot.isRotten) return undefined
      if (isSteady) writer.add(row)
    }
    return { size: identity.size, digest, modified: toModified(identity), evidence: 'read', age: 0 }
  }

  function take({ name, said }: Hashed, turn: Turn): void {
    const slot = hashing.get(name)
    if (slot === undefined) return
    hashing.delete(name)
    if (said === null || !('digest' in said)) slot.said = said
    else {
      slot.said = fromHeld(said)
      const { content } = said
      if (content !== undefined && finer.files.size < MAX_PASS_FILES) finer.files.set(name, content)
      slot.rottedFrom = findRot(slot, said.digest, turn)
    }
  }

  function findRot({ name, remembered }: Slot, digest: Digest, { system, now }: Turn): Digest | undefined {
    const stats = tryLstat(toPath(place, name))
    if (system === null || stats?.dev !== system.device) return undefined
    const identity = toIdentity(stats)
    const row = { identity: toKey(system.id, identity), digest }
    if (!isSettled(identity, now)) return undefined
    return isRotten(row, remembered) ? remembered?.digest : undefined
  }

  /** Adds what a file comes to. */
  function put({ name, said, isKnown, rottedFrom, passed }: Slot, lines: TreeLine[]): void {
    if (passed !== undefined) tally.add(passed, name)
    if (said === null || said === undefined) return
    const isHeld = 'digest' in said
    const size = isHeld ? said.size : 0
    seen.add(said)
    if (isKnown) known++
    if (grain === 0) {
      putPassed(lines)
      lines.push({ name, said, rottedFrom })
    } else putSpans(spanner.add(name, size, isHeld && rottedFrom === undefined ? said.digest : null), lines)
  }

  function putSpans(closed: readonly Closed[], lines: TreeLine[]): void {
    for (const span of closed) {
      if (span.grain === grain) {
        putPassed(lines)
        lines.push(toSpan(span))
      } else finer.keep(span)
    }
  }

  /** Adds what was passed over before the line that comes next, a line for each kind. */
  function putPassed(lines: TreeLine[]): void {
    for (const one of tally.take()) lines.push({ passed: [one] })
  }

  function meet(turn: Turn): void {
    const { value: met, done } = walk.next()
    work++
    if (done) {
      isWalked = true
      return
    }
    if (met === null) return
    const { name, trouble, passed } = met
    if (passed !== undefined) {
      if (survey.passed) slots.push({ name, remembered: undefined, said: null, isKnown: false, passed })
      return
    }
    if (trouble !== undefined) {
      const said = toTrouble(trouble)
      slots.push({ name, remembered: undefined, said, isKnown: false })
      return
    }
    const slot = look(name, turn)
    if (slot.isKnown) slots.push(slot)
    else readInto(slot, turn)
  }

  function readInto(slot: Slot, turn: Turn): void {
    const said = read(slot, turn)
    unsynced = said === UNSYNCED ? slot : null
    if (said === UNSYNCED || said === null) return
    slot.said = said
    slots.push(slot)
    if (said !== undefined) return
    hashing.set(slot.name, slot)
    turn.wanted.push({ name: slot.name, maxAge: slot.isRotten ? 0 : (maxAge ?? undefined) })
  }

  function walkOn(turn: Turn, until: number): void {
    try {
      if (unsynced !== null) readInto(unsynced, turn)
      for (let i = 0; unsynced === null && !isWalked && !isFull() && i < MAX_LINES_PER_STEP; i++) {
        if (performance.now() > until) return
        meet(turn)
      }
    } finally {
      opener.rest()
    }
  }

  /** The lines of those that no other is waited for before. */
  function drain(): TreeLine[] {
    const lines: TreeLine[] = []
    const end = slots.findIndex(({ said }) => said === undefined)
    const ready = end < 0 ? slots : slots.slice(0, end)
    slots = end < 0 ? [] : slots.slice(end)
    for (const slot of ready) put(slot, lines)
    return lines
  }

  function finish(lines: TreeLine[]): void {
    // A root that went away meanwhile has just looked empty, or like less than it holds.
    requireSame(place)
    putPassed(lines)
    if (survey.passed) lines.push({ passed: [] })
    putSpans(spanner.end(), lines)
  }

  function isFull(): boolean {
    return hashing.size >= MAX_SURVEY_HASHES || slots.length >= MAX_FILES_AHEAD
  }

  return {
    step({ now, synced, isPatient, patience, hashed }) {
      // What was hashed elsewhere is of the tree that was there then.
      requireSame(place)
      const until = performance.now() + patience
      computed = 0
      known = 0
      wantsSync = false
      const wanted: Wanted[] = []
      const turn: Turn = { now, synced, isPatient, wanted, system: lookAt(place) }
      for (const one of hashed) take(one, turn)
      walkOn(turn, until)
      const lines = drain()
      const isDone = isWalked && slots.length === 0
      if (isDone) finish(lines)
      const isStuck = !isDone && (isWalked || isFull())
      const isCounting = !isDone && (isStuck || performance.now() > countFrom) && !count.step()
      const isWaiting = isStuck && !isCounting
      if (isDone || isWaiting) writer.flush()
      const progress = { seen: seen.get(), of: count.all(), work: work + count.work() }
      const counts = { computed, known }
      const state = unsynced !== null ? 'unsynced' : isDone ? 'done' : isWaiting ? 'waiting' : 'going'
      return { lines, wanted, progress, counts, wantsSync, state }
    },
    end() {
      walk.return(null)
      count.end()
      writer.flush()
    },
  }
}

/** Counts the files that a survey will see, ahead of it. */
function createCount(place: Place, course: Course) {
  const walk = walkTree(place, course)
  let [names, bytes, work] = [0, 0, 0]
  let all: Amount | null = null

  /** Counts for `TREE_STEP_MS`; whether that was all. */
  function step(): boolean {
    const until = performance.now() + TREE_STEP_MS
    while (all === null && performance.now() < until) {
      const { value: met, done } = walk.next()
      work++
      if (done) all = { names, bytes }
      else if (met !== null && met.trouble === undefined && met.passed === undefined) {
        names++
        // No more than an estimate: the survey itself reports a file that may not be looked at.
        bytes += tryLstatQuickly(toPath(place, met.name))?.size ?? 0
      }
    }
    return all !== null
  }

  return { step, all: () => all, work: () => work, end: () => walk.return(null) }
}

/** What a small file holds, and whether any change since would show. */
interface Small {
  readonly identity: Identity
  readonly digest: Digest
  readonly isSteady: boolean
}

/** The content of a small file that keeps still for it; `isShown` is asked of its identity before it is read. */
function hashWhole(file: RegularFile, isShown: (identity: Identity) => boolean): Small {
  let { identity } = file
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    if (identity.size > READ_BYTES) break
    const isSteady = isShown(identity)
    const bytes = readUpTo(file.fd, scratch.subarray(0, identity.size), 0)
    const small = { identity, digest: hash('sha256', bytes, 'hex'), isSteady }
    const isWhole = bytes.length === identity.size
    // What changes it from now on shows: the digest is kept for an identity that no file has any more.
    if (isWhole && isSteady) return small
    identity = readIdentitySync(file.fd)
    if (isWhole && isSame(identity, small.identity)) return small
  }
  throw changed()
}

/** Whether the bytes are others than those that had the same size and times. */
function isRotten(row: Pick<IndexRow, 'identity' | 'digest'>, remembered: IndexRow | undefined): boolean {
  return remembered !== undefined && row.identity === remembered.identity && row.digest !== remembered.digest
}

/** What is remembered of a file, as an answer. */
function toRecalled(size: number, modified: number | null, { digest, readAt }: IndexRow, now: number): Facts {
  return { size, digest, modified, evidence: 'remembered', age: toAge(readAt, now) }
}

/** Said of a file that is not read before a sync has ended. */
const UNSYNCED = Symbol('unsynced')
