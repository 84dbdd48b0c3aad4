import { toAge } from '../../../functions/storage/facts.ts'
import { createPrune, createSelect } from '../../../functions/storage/survey/globs.ts'
import {
  type Amount,
  type Closed,
  createSeenCounter,
  createSpanner,
  type Survey,
} from '../../../functions/storage/survey/survey.ts'
import { createTally } from '../../../functions/storage/survey/tally.ts'
import { readFile } from '../digests/index-block.ts'
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
import type { FoundBlock } from './survey-blocks.ts'
import {
  createSurveyFiles,
  type Slot,
  type SurveyFiles,
  type SurveySources,
  type Turn,
  UNSYNCED,
} from './survey-files.ts'
import type { Hashed, StepOrder, TreeLine, TreeStep } from './tree-messages.ts'
import { type Course, isRun, type Met, type Run, walkRuns, walkTree } from './tree-walk.ts'

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
  const lines = createSurveyLines(survey, finer)
  const queue = createSlotQueue(walkRuns(place, course), files, { report, reportBlock }, survey.passed)
  let work = 0
  let known = 0

  function report(slot: Slot): void {
    if (slot.isKnown) known++
    lines.add(slot)
  }

  function reportBlock(block: FoundBlock, turn: Turn): void {
    known += block.names.length
    lines.addBlock(block, turn.now)
  }

  return {
    step({ now, synced, isPatient, patience, bytes, hashed }) {
      // What was hashed elsewhere belongs to the tree that was there then.
      requireSame(place)
      const until = performance.now() + patience
      const turn: Turn = {
        ...{ now, synced, isPatient, system: look(place) },
        ...{ computed: 0, bytes: 0, wantsSync: false },
      }
      known = 0
      for (const { name, said } of hashed) queue.take(name, said, turn)
      const walked = queue.walkOn(turn, { until, bytes })
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
      files.end()
    },
  }
}

/** Where a step ends: at this time, by `performance.now()`, or after so many bytes. */
interface Bounds {
  readonly until: number
  readonly bytes: number
}

interface Reports {
  readonly report: (slot: Slot) => void
  readonly reportBlock: (block: FoundBlock, turn: Turn) => void
}

/** The files that a survey's walk meets, which are reported in its order. */
function createSlotQueue(
  walk: Generator<Met | Run | null>,
  files: SurveyFiles,
  { report, reportBlock }: Reports,
  reportsPassed = false,
) {
  const hashing = new Map<string, Slot>()
  const ordered = createOrdered(report)
  const wanted: Slot[] = []
  /** Met, and not read before a sync has ended. */
  let unsynced: Slot | null = null
  /** The files that are met next, the first `next` of which are done. */
  let run: Run = []
  let next = 0
  let isWalked = false

  function isFull(): boolean {
    return hashing.size >= MAX_SURVEY_HASHES || ordered.waiting() >= MAX_FILES_AHEAD
  }

  function isOver({ until, bytes }: Bounds, turn: Turn): boolean {
    return performance.now() > until || turn.bytes >= bytes || unsynced !== null || isFull()
  }

  /** Meets the next entry, or files of the run: at most `limit`. Returns how many. */
  function meet(turn: Turn, bounds: Bounds, limit: number): number {
    if (next < run.length) return meetFiles(turn, bounds, limit)
    const { value: met, done } = walk.next()
    if (done) isWalked = true
    else if (isRun(met)) {
      run = met
      next = 0
    } else if (met !== null) meetOther(met)
    return 1
  }

  function meetFiles(turn: Turn, bounds: Bounds, limit: number): number {
    const first = next
    const end = Math.min(run.length, first + limit)
    while (next < end && (next === first || !isOver(bounds, turn))) {
      // A block is reported at once, so not while others wait.
      const block = ordered.waiting() === 0 ? files.findBlock(run, next, turn) : null
      if (block !== null) {
        next += block.names.length
        reportBlock(block, turn)
        continue
      }
      const slot = files.find(run[next++] ?? '', turn)
      if (slot.isKnown) ordered.put(slot)
      else readInto(slot, turn)
    }
    return next - first
  }

  function meetOther(met: Met): void {
    if (met.passed === undefined || reportsPassed) ordered.put(toOtherSlot(met))
  }

  function readInto(slot: Slot, turn: Turn): void {
    const said = files.read(slot, turn)
    unsynced = said === UNSYNCED ? slot : null
    if (said === UNSYNCED || said === null) return
    slot.said = said
    ordered.put(slot)
    if (said !== undefined) return
    hashing.set(slot.name, slot)
    wanted.push(slot)
  }

  return {
    isUnsynced: () => unsynced !== null,
    isDone: () => isWalked && ordered.waiting() === 0,
    /** Whether nothing can be done before a wanted file is hashed. */
    isStuck: () => isWalked || isFull(),
    /** Walks as far as the bounds allow; returns how many entries it met. */
    walkOn(turn: Turn, bounds: Bounds): number {
      let met = 0
      try {
        if (unsynced !== null) readInto(unsynced, turn)
        while (!isWalked && met < MAX_LINES_PER_STEP && !isOver(bounds, turn)) {
          met += meet(turn, bounds, MAX_LINES_PER_STEP - met)
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
      ordered.release()
    },
    /** The files to be hashed elsewhere that were met since the last call. */
    takeWanted: () => wanted.splice(0),
    end: () => void walk.return(null),
  }
}

/** Of an entry that is skipped, or of a directory that cannot be read. */
function toOtherSlot({ name, trouble, passed }: Met): Slot {
  const said = passed === undefined ? toTrouble(trouble) : null
  return { name, remembered: undefined, said, isKnown: false, passed }
}

/** Reports files in the order in which they are put, each when it is known and none before it waits. */
function createOrdered(report: (slot: Slot) => void) {
  const slots: Slot[] = []
  return {
    waiting: () => slots.length,
    put(slot: Slot): void {
      if (slots.length === 0 && slot.said !== undefined) report(slot)
      else slots.push(slot)
    },
    /** Called when a file that waited is known. */
    release(): void {
      const end = slots.findIndex(({ said }) => said === undefined)
      for (const slot of slots.splice(0, end < 0 ? slots.length : end)) report(slot)
    },
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
    /** Adds files that are as the index has them, where only spans are asked for. */
    addBlock(block: FoundBlock, now: number) {
      const { names, readAt } = block
      let bytes = 0
      for (let i = 0; i < names.length; i++) {
        const { size, digest } = readFile(block, i)
        bytes += size
        putSpans(spanner.add(names[i] ?? '', size, digest))
      }
      seen.addRemembered({ names: names.length, bytes }, toAge(readAt.first, now))
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
