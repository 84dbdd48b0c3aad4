import { createPrune, createSelect } from '../../../functions/storage/survey/globs.ts'
import {
  type Amount,
  type Closed,
  createSeenCounter,
  createSpanner,
  type Survey,
} from '../../../functions/storage/survey/survey.ts'
import { createTally } from '../../../functions/storage/survey/tally.ts'
import { tryLstatQuickly } from '../files/identity.ts'
import { type Place, toPath } from '../files/root.ts'
import {
  COUNT_AFTER_MS,
  MAX_FILES_AHEAD,
  MAX_LINES_PER_STEP,
  MAX_SURVEY_HASHES,
  TREE_STEP_MS,
} from '../limits.ts'
import type { FileSystem } from '../mounts/file-system.ts'
import { toTrouble } from '../threads/messages.ts'
import { createFingerprints, type Recorder, type SpanMemory } from './span-memory.ts'
import {
  createSurveyFiles,
  type Slot,
  type SurveyFiles,
  type SurveySources,
  type Turn,
  UNSYNCED,
} from './survey-files.ts'
import type { Hashed, StepOrder, TreeLine, TreeStep } from './tree-messages.ts'
import { type Course, type Met, walkTree } from './tree-walk.ts'

/** A survey under way, on the calling thread. */
export interface TreeSurvey {
  /** Works for as long as the order allows. Throws when the root cannot be read. */
  step(order: StepOrder): TreeStep
  /** Writes to the index what was hashed, and closes what is open. Called once, even before the end. */
  end(): void
}

/** What surveys of one root share. */
export interface Tree extends Omit<SurveySources, 'passFiles'> {
  /** Throws `unreachable` when the root no longer is at `place`. */
  requireSame(place: Place): void
  /** The file system of a place; null where nothing is remembered. */
  readonly look: (place: Place) => FileSystem | null
  readonly memory: SpanMemory
}

export function createTreeSurvey(tree: Tree, survey: Survey): TreeSurvey {
  const { place, requireSame, look, writer, memory } = tree
  const { ranges, prefix, maxAge } = survey
  const course = { ranges, prefix, isWanted: createSelect(survey), isPruned: createPrune(survey) }
  const count = createCount(place, course)
  const countFrom = performance.now() + COUNT_AFTER_MS
  const finer = memory.begin(survey)
  const files = createSurveyFiles({ ...tree, passFiles: finer.files }, survey)
  const queue = createSlotQueue(walkTree(place, course), files, survey.passed)
  const lines = createSurveyLines(survey, finer)
  let work = 0

  return {
    step({ now, synced, isPatient, patience, bytes, hashed }) {
      // What was hashed elsewhere belongs to the tree that was there then.
      requireSame(place)
      const until = performance.now() + patience
      const turn: Turn = {
        ...{ now, synced, isPatient, system: look(place) },
        ...{ computed: 0, bytes: 0, wantsSync: false },
      }
      for (const { name, said } of hashed) queue.take(name, said, turn)
      const walked = queue.walkOn(turn, { until, bytes })
      let known = 0
      for (const slot of queue.drain()) {
        if (slot.isKnown) known++
        lines.add(slot)
      }
      const isDone = queue.isDone()
      if (isDone) {
        // A root that went away meanwhile has just looked empty, or like less than it holds.
        requireSame(place)
        lines.end()
      }
      const isStuck = !isDone && queue.isStuck()
      const isCounting = !isDone && (isStuck || performance.now() > countFrom) && !count.step()
      const isWaiting = isStuck && !isCounting
      if (isDone || isWaiting) writer.flush()
      work += walked + turn.bytes
      const wanted = queue.takeWanted().map(({ name, isRotten }) => ({
        name,
        extra: { maxAge: isRotten ? 0 : (maxAge ?? undefined) },
      }))
      return {
        lines: lines.take(),
        wanted,
        progress: { seen: lines.seen.get(), of: count.all(), work: work + count.work() },
        counts: { computed: turn.computed, known },
        bytes: turn.bytes,
        wantsSync: turn.wantsSync,
        state: queue.isUnsynced() ? 'unsynced' : isDone ? 'done' : isWaiting ? 'waiting' : 'going',
      }
    },
    end() {
      queue.end()
      count.end()
      writer.flush()
    },
  }
}

/** The files that a survey's walk has met, which leave in the order of the walk. */
function createSlotQueue(walk: Generator<Met | null>, files: SurveyFiles, reportsPassed = false) {
  const hashing = new Map<string, Slot>()
  let slots: Slot[] = []
  let wanted: Slot[] = []
  /** Met, and not read before a sync has ended. */
  let unsynced: Slot | null = null
  let isWalked = false

  function isFull(): boolean {
    return hashing.size >= MAX_SURVEY_HASHES || slots.length >= MAX_FILES_AHEAD
  }

  function meet(turn: Turn): void {
    const { value: met, done } = walk.next()
    if (done) isWalked = true
    if (done || met === null) return
    const { name, trouble, passed } = met
    if (passed === undefined && trouble === undefined) {
      const slot = files.find(name, turn)
      if (slot.isKnown) slots.push(slot)
      else readInto(slot, turn)
    } else if (passed === undefined || reportsPassed) {
      const said = passed === undefined ? toTrouble(trouble) : null
      slots.push({ name, remembered: undefined, said, isKnown: false, passed })
    }
  }

  function readInto(slot: Slot, turn: Turn): void {
    const said = files.read(slot, turn)
    unsynced = said === UNSYNCED ? slot : null
    if (said === UNSYNCED || said === null) return
    slot.said = said
    slots.push(slot)
    if (said !== undefined) return
    hashing.set(slot.name, slot)
    wanted.push(slot)
  }

  return {
    isUnsynced: () => unsynced !== null,
    isDone: () => isWalked && slots.length === 0,
    /** Whether nothing can be done before a wanted file is hashed. */
    isStuck: () => isWalked || isFull(),
    /** Walks until that time, by `performance.now()`, or so many bytes; returns how many entries it met. */
    walkOn(turn: Turn, { until, bytes }: { readonly until: number; readonly bytes: number }): number {
      let met = 0
      try {
        if (unsynced !== null) readInto(unsynced, turn)
        while (unsynced === null && !isWalked && !isFull() && met < MAX_LINES_PER_STEP) {
          if (performance.now() > until || turn.bytes >= bytes) break
          meet(turn)
          met++
        }
      } finally {
        files.rest()
      }
      return met
    },
    take(name: string, said: Hashed['said'], turn: Turn): void {
      const slot = hashing.get(name)
      if (slot === undefined) return
      hashing.delete(name)
      files.take(slot, said, turn)
    },
    /** The files to be hashed elsewhere that were met since the last call. */
    takeWanted(): Slot[] {
      const taken = wanted
      wanted = []
      return taken
    },
    /** The files that have no file before them which is still hashed elsewhere. */
    drain(): Slot[] {
      const end = hashing.size === 0 ? -1 : slots.findIndex(({ said }) => said === undefined)
      const ready = end < 0 ? slots : slots.slice(0, end)
      slots = end < 0 ? [] : slots.slice(end)
      return ready
    },
    end: () => void walk.return(null),
  }
}

/** Counts the files that a survey will see, ahead of it. */
function createCount(place: Place, course: Course) {
  const walk = walkTree(place, course)
  let [names, bytes, work] = [0, 0, 0]
  let all: Amount | null = null

  /** Counts for `TREE_STEP_MS`; returns whether that was all. */
  function step(): boolean {
    const until = performance.now() + TREE_STEP_MS
    while (all === null && performance.now() < until) {
      const { value: met, done } = walk.next()
      work++
      if (done) all = { names, bytes }
      else if (met !== null && met.trouble === undefined && met.passed === undefined) {
        names++
        // No more than an estimate: the survey itself reports a file whose stats the system refuses.
        bytes += tryLstatQuickly(toPath(place, met.name))?.size ?? 0
      }
    }
    return all !== null
  }

  return { step, all: () => all, work: () => work, end: () => walk.return(null) }
}

/** Makes the lines of a survey of its files, which come in order; passes the smaller spans to `finer`. */
function createSurveyLines({ ranges, grain, passed }: Survey, finer: Recorder) {
  const grains = grain === 0 ? [] : [grain, ...finer.grains]
  const spanner = createSpanner(ranges, grains)
  const toSpan = createFingerprints(grains)
  const seen = createSeenCounter()
  const tally = createTally()
  let lines: TreeLine[] = []

  /** Adds a line, after one for each kind of entries that were skipped before it. */
  function put(line: TreeLine | null): void {
    for (const one of tally.take()) lines.push({ passed: [one] })
    if (line !== null) lines.push(line)
  }

  function putSpans(closed: readonly Closed[]): void {
    for (const one of closed) {
      const span = toSpan(one)
      if (one.grain === grain) put(span)
      else finer.remember(span, one.grain)
    }
  }

  return {
    /** The files that the lines so far have seen. */
    seen,
    add({ name, said, rotted, passed }: Slot) {
      if (passed !== undefined) tally.add(passed, name)
      if (said === null || said === undefined) return
      seen.add(said)
      if (grain === 0) return put({ name, said, rottedFrom: rotted?.from, goodAt: rotted?.goodAt })
      const isHeld = 'digest' in said
      const digest = isHeld && rotted === undefined ? said.digest : null
      putSpans(spanner.add(name, isHeld ? said.size : 0, digest))
    },
    end(): void {
      put(null)
      if (passed) lines.push({ passed: [] })
      putSpans(spanner.end())
    },
    take(): TreeLine[] {
      const taken = lines
      lines = []
      return taken
    },
  }
}
