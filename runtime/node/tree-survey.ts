import { hash } from 'node:crypto'
import { closeSync } from 'node:fs'
import { createPrune, createSelect } from '../../functions/storage/globs.ts'
import type { Facts } from '../../functions/storage/storage.ts'
import {
  type Amount,
  addSeen,
  type Closed,
  createSpanner,
  NOTHING_SEEN,
  type Survey,
} from '../../functions/storage/survey.ts'
import { createTally } from '../../functions/storage/tally.ts'
import type { Digest } from '../../functions/wire/digest.ts'
import type { PassedKind } from '../../functions/wire/passed.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { type Content, type Held, type Trouble, toTrouble } from './disk-messages.ts'
import { toIoError } from './errno.ts'
import { changed } from './file-digest.ts'
import { createFileOpener } from './file-opener.ts'
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
  rottedFrom?: Digest | undefined
  /** Why it is passed over; `said` is null then. */
  readonly passed?: PassedKind | undefined
}

type Wanted = TreeStep['wanted'][number]

const scratch = new Uint8Array(READ_BYTES)

export function createTreeSurvey(
  { place, requireSame, index, writer, memory }: Tree,
  survey: Survey,
): TreeSurvey {
  const { ranges, prefix, grain } = survey
  const deep = survey.maxAge === 0
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
  let seen = NOTHING_SEEN
  const tally = createTally()
  let isWalked = false
  let computed = 0
  let known = 0
  let work = 0

  function look(name: string, now: number): Slot {
    const row = cursor.seek(name)
    const written = row !== undefined && isGenuine(row) ? row : undefined
    const remembered = writer.find(name) ?? written
    const slot: Slot = { name, remembered, said: null, isKnown: false }
    const facts = deep || remembered === undefined ? undefined : recall(name, remembered, now)
    slot.isKnown = facts !== undefined
    slot.said = facts ?? read(slot, now)
    return slot
  }

  /** The facts of a file that is as the index has it. */
  function recall(name: string, row: IndexRow, now: number): Facts | undefined {
    const path = toPath(place, name)
    return (grain > 0 ? recallQuickly(path, row, now) : undefined) ?? recallExactly(path, row, now)
  }

  /** Only what a span is made of: its size and its digest. */
  function recallQuickly(path: string, { identity, digest }: IndexRow, now: number): Facts | undefined {
    const stats = tryLstatQuickly(path)
    if (!stats?.isFile() || !isSettledAt(Math.max(stats.mtimeMs, stats.ctimeMs), now)) return undefined
    return hasKey(stats, identity)
      ? { size: stats.size, digest, modified: null, evidence: 'remembered', age: null }
      : undefined
  }

  function recallExactly(path: string, row: IndexRow, now: number): Facts | undefined {
    const stats = tryLstat(path)
    if (stats === null || !stats.isFile()) return undefined
    const identity = toIdentity(stats)
    const isUnchanged = isSettled(identity, now) && toKey(identity) === row.identity
    return isUnchanged ? toFacts(identity, row.digest) : undefined
  }

  function read(slot: Slot, now: number): Slot['said'] {
    try {
      const file = opener.open(slot.name)
      if (file === null) return null
      try {
        return isForOthers(file, slot) ? undefined : hashSmall(file, slot, now)
      } finally {
        closeSync(file.fd)
      }
    } catch (error) {
      // What became a link or the like since the walk is no file.
      if (error instanceof StorageError && error.code === 'not-a-file') return null
      return toTrouble(toIoError(error, 'read'))
    }
  }

  /** What is large; and, of a deep survey, what the index does not know: the thread that answers reads still may. */
  function isForOthers({ identity }: RegularFile, { remembered }: Slot): boolean {
    return identity.size > READ_BYTES || (deep && remembered?.identity !== toKey(identity))
  }

  function hashSmall(file: RegularFile, { name, remembered }: Slot, now: number): Facts | undefined {
    const { identity, digest, settled } = hashWhole(file, now)
    computed++
    work += identity.size
    const row = { name, identity: toKey(identity), digest }
    // The thread that answers reads has to hear of it, and hashes it once more.
    if (deep && isRotten(row, remembered)) return undefined
    if (settled) writer.add(row)
    return toFacts(identity, digest)
  }

  function take({ name, said }: Hashed): void {
    const slot = hashing.get(name)
    if (slot === undefined) return
    hashing.delete(name)
    if (said === null || !('digest' in said)) slot.said = said
    else {
      slot.said = fromHeld(said)
      slot.rottedFrom = deep ? findRot(slot, said.digest) : undefined
    }
  }

  function findRot({ name, remembered }: Slot, digest: Digest): Digest | undefined {
    const stats = tryLstat(toPath(place, name))
    if (stats === null) return undefined
    const row = { name, identity: toKey(toIdentity(stats)), digest }
    return isRotten(row, remembered) ? remembered?.digest : undefined
  }

  /** Adds what a file comes to. */
  function put({ name, said, isKnown, rottedFrom, passed }: Slot, lines: TreeLine[]): void {
    if (passed !== undefined) tally.add(passed, name)
    if (said === null || said === undefined) return
    const isHeld = 'digest' in said
    const size = isHeld ? said.size : 0
    seen = addSeen(seen, said)
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

  function meet(now: number, wanted: Wanted[]): void {
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
    const slot = look(name, now)
    if (slot.said === null) return
    slots.push(slot)
    if (slot.said !== undefined) return
    hashing.set(name, slot)
    wanted.push({ name, fresh: deep })
  }

  function walkOn(now: number, until: number, wanted: Wanted[]): void {
    try {
      for (let i = 0; !isWalked && !isFull() && i < MAX_LINES_PER_STEP; i++) {
        if (performance.now() > until) return
        meet(now, wanted)
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
    step({ now, patience, hashed }) {
      // What was hashed elsewhere is of the tree that was there then.
      requireSame(place)
      const until = performance.now() + patience
      computed = 0
      known = 0
      const wanted: Wanted[] = []
      for (const one of hashed) take(one)
      walkOn(now, until, wanted)
      const lines = drain()
      const isDone = isWalked && slots.length === 0
      if (isDone) finish(lines)
      const isStuck = !isDone && (isWalked || isFull())
      const isCounting = !isDone && (isStuck || performance.now() > countFrom) && !count.step()
      const isWaiting = isStuck && !isCounting
      if (isDone || isWaiting) writer.flush()
      const progress = { seen, of: count.all(), work: work + count.work() }
      const counts = { computed, known }
      return { lines, wanted, progress, counts, state: isDone ? 'done' : isWaiting ? 'waiting' : 'going' }
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

/** The content of a small file that keeps still for it. */
function hashWhole(file: RegularFile, now: number): Content {
  let { identity } = file
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    if (identity.size > READ_BYTES) break
    const bytes = readUpTo(file.fd, scratch.subarray(0, identity.size), 0)
    const content = { identity, digest: hash('sha256', bytes, 'hex'), settled: isSettled(identity, now) }
    const isWhole = bytes.length === identity.size
    // What changes it from now on shows: the digest is kept for an identity that no file has any more.
    if (isWhole && content.settled) return content
    identity = readIdentitySync(file.fd)
    if (isWhole && isSame(identity, content.identity)) return content
  }
  throw changed()
}

/** Whether the bytes are others than those that had the same size and times. */
function isRotten(row: IndexRow, remembered: IndexRow | undefined): boolean {
  return remembered !== undefined && row.identity === remembered.identity && row.digest !== remembered.digest
}

function toFacts(identity: Identity, digest: Digest): Facts {
  return { size: identity.size, digest, modified: toModified(identity), evidence: 'read', age: 0 }
}

function fromHeld({ size, digest, modified }: Held): Facts {
  return { size, digest, modified, evidence: 'read', age: 0 }
}
