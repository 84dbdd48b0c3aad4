import { createHash, hash } from 'node:crypto'
import type { Reply } from '../../../functions/storage/remote/replies.ts'
import { parseEtag } from '../../../functions/wire/fields/fields.ts'
import { toFilePath } from '../../../functions/wire/fields/routes.ts'
import { MAX_COMPARISONS } from '../../../functions/wire/limits.ts'
import type { Manifest, ReplicaReport } from '../../../functions/wire/schemas/manifest.ts'
import { type Io, writeOut } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import {
  type Announced,
  NOT_A_COORDINATOR,
  NotACoordinator,
  parseAgreementField,
  parseStatusField,
  readAnnounced,
  readProblem,
  toLine,
} from '../client/coordinator-client.ts'
import { readFailureWords } from '../client/failure-words.ts'
import { type Report, sayUnkept } from '../terminal/get-report.ts'
import type { ProgressOfMany } from '../terminal/progress.ts'
import type { First } from './ask-together.ts'
import { receiveVersions, type VersionsTask } from './conflict.ts'
import type { Files, Held } from './destination.ts'
import { download, type Sink } from './download.ts'
import type { Folder } from './folder.ts'

interface GetTask extends VersionsTask {
  /** Of the compared read: empty, or with its question mark. */
  readonly query: string
  /** The response to its first request, if that was sent. */
  readonly first?: First | undefined
}

/** What became of one file. */
export interface Outcome {
  /** 3 for a file that some replica neither sent nor reported missing. */
  readonly status: 0 | 1 | 2 | 3
  readonly report: Report
  /** With status 1. */
  readonly manifest?: Manifest
  /** With status 2: the type of the problem, and the problem in one line. */
  readonly problem?: { readonly type: string; readonly line: string }
}

/** The exit statuses, the worst last. */
const BY_WEIGHT: readonly Outcome['status'][] = [0, 3, 1, 2]

/** The worst of exit statuses: 2, else 1, else 3, else 0. */
export function toWorst(statuses: readonly Outcome['status'][]): Outcome['status'] {
  return statuses.reduce((a, b) => (BY_WEIGHT.indexOf(b) > BY_WEIGHT.indexOf(a) ? b : a), 0)
}

interface WholeTask {
  readonly folder: Folder
  readonly progress: ProgressOfMany
  readonly io: Io
}

/**
 * Gets a file whose first response is here in whole, without a wait: a small one that is new and that no
 * replica failed to answer for, or one that is there already. Null for any other, of which nothing is done.
 */
export function getWhole(name: string, { path, held, response }: First, task: WholeTask): Outcome | null {
  const { folder, progress, io } = task
  if (response.status === 304 && held !== null) return toOutcome(toUnchanged(name, path, response, held))
  const bytes = response.status === 200 ? response.whole() : null
  if (bytes === null) return null
  const announced = readAnnounced(response)
  // Why it did not answer is still to be asked.
  if (announced.reports.some(({ error }) => error !== undefined)) return null
  if (hash('sha256', bytes, 'hex') !== announced.digest) return null
  const unkept = folder.writeNew(path, announced, bytes)
  if (unkept === null) return null
  progress.receive(bytes.length)
  sayUnkept(io, path, unkept)
  return toOutcome(toReceived(name, path, announced))
}

/** Compares the copies and gets the file or its versions; compares again when a version is gone by then. */
export async function getFile(task: GetTask): Promise<Outcome> {
  for (let comparisons = 1; comparisons <= MAX_COMPARISONS; comparisons++) {
    const outcome = await getCompared(comparisons === 1 ? task : { ...task, first: undefined })
    if (outcome !== 'vanished') return outcome
  }
  throw new UserError(
    `${task.name}: the copies kept changing before a version was received; run it again when they are not being written`,
    'changed-while-reading',
  )
}

async function getCompared(task: GetTask): Promise<Outcome | 'vanished'> {
  const { name, destination } = task
  const got = await (destination === 'stdout' ? getToOutput(task) : getToFile(task, destination))
  if ('name' in got) {
    return toOutcome({ ...got, replicas: await readFailureWords(task.ask, name, got.replicas) })
  }
  return await handleProblem(task, got)
}

function toOutcome(report: Report): Outcome {
  return { status: report.agreement === 'degraded' ? 3 : 0, report }
}

async function getToOutput({ name, query, ask, startProgress, io }: GetTask): Promise<Report | Reply> {
  const openSink = async () => createOutput(io)
  const got = await download({ ask, path: toFilePath(name) + query, openSink, startProgress }, io)
  if ('refused' in got) return got.refused
  const { agreement, reports } = got.announced
  return { name, agreement, replicas: reports, written: [] }
}

async function getToFile(task: GetTask, files: Files): Promise<Report | Reply> {
  const { name, query, first, ask, startProgress, io } = task
  const path = files.toPath(name)
  const held = first ? first.held : await files.prepare(path)
  const openSink = (announced: Announced) => files.open(path, announced)
  const sent = { path: toFilePath(name) + query, have: held?.digest, first: first?.response }
  const wanted = { ask, ...sent, openSink, startProgress }
  const got = await download(wanted, io)
  if ('refused' in got) {
    const isCurrent = got.refused.status === 304 && held !== null
    return isCurrent ? toUnchanged(name, path, got.refused, held) : got.refused
  }
  sayUnkept(io, path, await got.sink.commit())
  return toReceived(name, path, got.announced)
}

function toReceived(name: string, path: string, { digest, size, agreement, reports }: Announced): Report {
  const written = [{ path, digest, size, replicas: toHolders(reports) }]
  return { name, agreement, replicas: reports, written }
}

/** The report of a file that is there already, as a 304 confirms. */
function toUnchanged(name: string, path: string, { headers }: Reply, { digest, size }: Held): Report {
  const agreement = parseAgreementField(headers.get('Replica-Agreement') ?? '')
  const reports = parseStatusField(headers.get('Replica-Status') ?? '')
  if (parseEtag(headers.get('ETag') ?? '') !== digest || agreement === undefined || reports === null)
    throw new NotACoordinator(NOT_A_COORDINATOR)
  const unchanged = { path, digest, size, replicas: toHolders(reports) }
  return { name, agreement, replicas: reports, written: [], unchanged }
}

function toHolders(reports: readonly ReplicaReport[]): string[] {
  return reports.filter(({ state }) => state === 'match').map(({ id }) => id)
}

/** The outcome of a response that is not the file: its versions, or a problem in one line. */
async function handleProblem(task: GetTask, response: Reply): Promise<Outcome | 'vanished'> {
  const { name } = task
  const problem = await readProblem(response)
  const { agreement = null, replicas = [] } = problem
  if (response.status !== 409) {
    return {
      status: 2,
      report: { name, agreement, replicas, written: [] },
      problem: { type: problem.type, line: `${name}: ${toLine(problem)}` },
    }
  }
  const received = await receiveVersions(problem, task)
  if (received === 'vanished') return received
  const { manifest, ...files } = received
  return { status: 1, manifest, report: { name, agreement: 'conflict', replicas, ...files } }
}

/** Standard output as a sink: bytes are hashed as they pass, and cannot be taken back. */
function createOutput(io: Pick<Io, 'stdout' | 'signal'>): Sink {
  const hash = createHash('sha256')
  let offset = 0
  return {
    get offset() {
      return offset
    },
    async write(chunk) {
      hash.update(chunk)
      await writeOut(io, chunk)
      offset += chunk.length
    },
    digest: () => hash.digest('hex'),
    async keep() {},
    async discard(why) {
      if (offset > 0)
        throw new UserError(
          `${why}: the bytes on standard output are not the file; discard them and run it again`,
        )
    },
  }
}
