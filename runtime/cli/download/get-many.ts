import { toFolded } from '../../../functions/storage/twins.ts'
import type { Agreement } from '../../../functions/wire/schemas/values.ts'
import { formatCount, formatNumber, formatSize } from '../../../functions/wire/text.ts'
import { type Io, say, toJsonLine, writeOut } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import { Broken, type CoordinatorClient, NotACoordinator, Unreachable } from '../client/coordinator-client.ts'
import { FILES_AT_ONCE, FILES_TOGETHER } from '../limits.ts'
import { toAgreementWords } from '../terminal/agreement-words.ts'
import { sayOutcome } from '../terminal/get-report.ts'
import { createProgressOfMany, type ProgressOfMany } from '../terminal/progress.ts'
import { askTogether, type First } from './ask-together.ts'
import type { Folder } from './folder.ts'
import { getFile, getWhole, type Outcome, toWorst } from './get-file.ts'

interface ManyTask {
  readonly names: readonly string[]
  /** The size of all files together, null when unknown. */
  readonly bytes: number | null
  readonly ask: CoordinatorClient
  /** Of each compared read: empty, or with its question mark. */
  readonly query: string
  readonly folder: Folder
  readonly json: boolean
  readonly io: Io
}

/**
 * Gets files, some at once, and reports each that is not the same everywhere; returns the worst exit status.
 * The trouble of one file does not stop the others. A failure that each of them would have stops all, and
 * throws once the files under way have ended.
 */
export async function getMany(task: ManyTask): Promise<Outcome['status']> {
  const { names, bytes, ask, query, folder, io } = task
  const progress = createProgressOfMany(io.stderr, { files: names.length, bytes })
  const tally = createTally(task, progress)
  const stop = new AbortController()
  const signal = io.signal ? AbortSignal.any([io.signal, stop.signal]) : stop.signal
  // Not a copy: that would have Node make the stream of standard input.
  const own: Io = Object.create(io, { signal: { value: signal } })
  const shared = { ask, query, destination: folder, startProgress: progress.start, io: own }

  // Node looks at all parts of `signal` each time that it is asked.
  const isStopped = () => stop.signal.aborted || io.signal?.aborted === true

  async function get(name: string, first?: First, others: readonly string[] = []): Promise<void> {
    let outcome: Outcome
    try {
      folder.requireFree(name, others)
      const whole = first && !isStopped() ? getWhole(name, first, { folder, progress, io }) : null
      outcome = whole ?? (await getFile({ ...shared, name, first }))
      if (outcome.problem && OF_ALL.includes(outcome.problem.type))
        throw new Stop(outcome.problem.line, outcome.problem.type)
    } catch (error) {
      if (signal.aborted || isOfAll(error) || (error instanceof Broken && tally.count() === 0)) throw error
      outcome = toTrouble(name, error)
    }
    progress.end(outcome.report.unchanged?.size)
    const printed = tally.add(outcome)
    if (printed !== undefined) await printed
  }

  async function getTogether(names: readonly string[]): Promise<void> {
    try {
      const firsts = await askTogether(names, { ask, query, files: folder })
      try {
        for (const name of names) {
          const first = firsts.next(name)
          await get(name, first instanceof Promise ? await first : first)
        }
      } finally {
        await firsts.close()
      }
    } catch (error) {
      stop.abort(error)
    }
  }

  const { apart, alike } = divide(names)
  let next = 0
  async function work(_: unknown, connection: number): Promise<void> {
    // Fewer at first, and of each connection another number, so that they do not all wait at the same time.
    let most = (FILES_TOGETHER * (connection + 1)) / FILES_AT_ONCE
    while (next < apart.length && !signal.aborted) {
      // Fewer towards the end, so that all connections end at the same time.
      const share = Math.ceil((apart.length - next) / (2 * FILES_AT_ONCE))
      const end = next + Math.min(share, most)
      most = FILES_TOGETHER
      const together = apart.slice(next, end)
      next = end
      await getTogether(together)
    }
  }

  await Promise.all(Array.from({ length: FILES_AT_ONCE }, work))
  // One after another: on some file systems they are one file.
  for (const [name, others] of alike) {
    if (signal.aborted) break
    await get(name, undefined, others).catch((error) => stop.abort(error))
  }
  progress.clear()
  io.signal?.throwIfAborted()
  await folder.sync()
  await tally.end()
  stop.signal.throwIfAborted()
  return tally.worst()
}

/** A failure that every other file would have too. */
class Stop extends UserError {}

/** The types of problems that every other file would have too. */
const OF_ALL: readonly string[] = ['misdirected', 'unauthorized']

/** Whether an error is not about one file: every other file would fail too, or it is a bug. */
function isOfAll(error: unknown): boolean {
  const isOfServer = error instanceof Unreachable || error instanceof NotACoordinator || error instanceof Stop
  return isOfServer || !(error instanceof UserError)
}

function toTrouble(name: string, error: unknown): Outcome {
  const message = error instanceof Error ? error.message : String(error)
  const line = message.startsWith(`${name}: `) ? message : `${name}: ${message}`
  return {
    status: 2,
    report: { name, agreement: null, replicas: [], written: [] },
    problem: { type: error instanceof UserError ? error.kind : 'bug', line },
  }
}

/** Names, and apart from them each that differs from some only in case or normalization, beside those. */
function divide(names: readonly string[]) {
  const groups = new Map<string, string[]>()
  const apart: string[] = []
  const alike: (readonly [name: string, others: readonly string[]])[] = []
  for (const name of names) {
    const folded = toFolded(name)
    const others = groups.get(folded)
    if (others === undefined) {
      groups.set(folded, [name])
      apart.push(name)
    } else {
      alike.push([name, [...others]])
      others.push(name)
    }
  }
  return { apart, alike }
}

/** Counts and reports outcomes, and clears the bar before anything is printed. */
function createTally({ names, json, io }: ManyTask, { clear, received }: ProgressOfMany) {
  const agreements: Partial<Record<Agreement, number>> = {}
  const missingOn = new Set<string>()
  let worst: Outcome['status'] = 0
  let [count, failed, unchanged] = [0, 0, 0]
  let ids: readonly string[] = []

  function note({ status, report }: Outcome): void {
    count++
    worst = toWorst([worst, status])
    if (ids.length === 0) ids = report.replicas.map(({ id }) => id)
    if (report.unchanged) unchanged++
    if (status === 2) failed++
    else if (report.agreement !== null) agreements[report.agreement] = (agreements[report.agreement] ?? 0) + 1
    if (report.agreement === 'incomplete')
      for (const { id, state } of report.replicas) if (state === 'missing') missingOn.add(id)
  }

  function toParts(): string {
    const parts = [
      toAgreementWords({ agreements, ids, missingOn }),
      ...(failed > 0 ? [`${formatNumber(failed)} not received`] : []),
      ...(count < names.length ? [`${formatNumber(names.length - count)} not asked for`] : []),
    ]
    const there = unchanged > 0 ? `; ${formatNumber(unchanged)} already there` : ''
    return parts.join(', ') + there
  }

  return {
    count: () => count,
    worst: () => worst,
    /** Resolves when standard output has room for more; undefined when it need not be waited for. */
    add(outcome: Outcome): Promise<void> | undefined {
      note(outcome)
      const { report, manifest, problem } = outcome
      if (json || problem || manifest || report.agreement !== 'unanimous') clear()
      sayOutcome(io, outcome)
      if (!json) return undefined
      const error = problem && { error: { kind: problem.type, message: problem.line } }
      return writeOut(io, toJsonLine({ ...report, ...error }))
    },
    async end(): Promise<void> {
      const files = formatCount(names.length, 'file', 'files')
      say(io, `${files}, ${formatSize(received())} received: ${toParts()}`)
      const unasked = names.length - count
      const summary = { names: names.length, agreements, failed, unasked, unchanged, received: received() }
      if (json) await writeOut(io, toJsonLine({ summary }))
    },
  }
}
