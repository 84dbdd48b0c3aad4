import { hash } from 'node:crypto'
import { basename } from 'node:path'
import { hasSource } from '../../../functions/coordinator/compare/report.ts'
import { toVersionHref } from '../../../functions/wire/fields/routes.ts'
import { parse } from '../../../functions/wire/json/parse.ts'
import {
  type Manifest,
  manifest as manifestSchema,
  type Problem,
} from '../../../functions/wire/schemas/manifest.ts'
import { type Io, toJsonLine } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import {
  type Announced,
  type CoordinatorClient,
  readProblem,
  toUserError,
} from '../client/coordinator-client.ts'
import { sayUnkept, type Written } from '../terminal/get-report.ts'
import type { StartProgress } from '../terminal/progress.ts'
import type { Destination, Files } from './destination.ts'
import { download } from './download.ts'
import type { PartFile } from './part-file.ts'

/** A file to get, and where to. */
export interface VersionsTask {
  readonly name: string
  readonly ask: CoordinatorClient
  readonly destination: Destination
  readonly startProgress?: StartProgress | undefined
  readonly io: Io
}

/** A version that is received, but not yet in its place, or null when it was there already. */
interface Pending {
  readonly part: PartFile | null
  readonly written: Written
}

interface Received {
  readonly manifest: Manifest
  readonly written: readonly Written[]
  /** The path of the list of the versions. */
  readonly listedIn?: string
}

/**
 * Receives every version that the problem of a conflict lists, and puts them into their places once all are
 * complete; writes nothing to standard output. `vanished` when no replica holds one of them any more. The
 * server chooses no path: ids match their schema, and the rest of each path is made here.
 */
export async function receiveVersions(problem: Problem, task: VersionsTask): Promise<Received | 'vanished'> {
  const manifest = readManifest(problem, task.name)
  if (task.destination === 'stdout') return { manifest, written: [] }
  const pending: Pending[] = []
  let keep = true
  try {
    // What only lists know has no bytes.
    for (const version of manifest.versions.filter((version) => hasSource(version, manifest.replicas))) {
      const received = await receiveVersion(version, task.destination, task)
      keep = received !== 'vanished'
      if (received === 'vanished') return received
      pending.push(received)
    }
    const list = await prepareList(manifest, pending, task.destination)
    pending.push(list)
    const written: Written[] = []
    // What is in its place is no longer pending.
    for (let next = pending.shift(); next; next = pending.shift()) {
      if (next.part !== null) sayUnkept(task.io, next.written.path, await next.part.commit())
      written.push(next.written)
    }
    return { manifest, written: written.slice(0, -1), listedIn: list.written.path }
  } finally {
    for (const { part } of pending) await (keep ? part?.keep() : part?.discard('it is not needed'))
  }
}

/** The list of the versions, for programs: which file beside it has which. The caller ends its part file. */
export async function prepareList(
  { name, versions, replicas }: Manifest,
  pending: readonly Pending[],
  destination: Files,
): Promise<Pending & { readonly part: PartFile }> {
  const path = destination.toConflictPath(name)
  const files = new Map(pending.map(({ written }) => [written.digest, basename(written.path)]))
  const listed = versions.map(({ digest, size, modified, replicas }) => ({
    ...{ file: files.get(digest) ?? null, digest, size, modified, replicas },
  }))
  const list = { name, agreement: 'conflict', versions: listed, replicas }
  const bytes = new TextEncoder().encode(toJsonLine(list))
  const size = bytes.length
  const digest = hash('sha256', bytes, 'hex')
  await destination.prepare(path)
  const part = await destination.open(path, { digest, size, modified: null })
  await part.write(bytes.subarray(part.offset))
  return { part, written: { path, digest, size, replicas: [] } }
}

async function receiveVersion(
  { digest, replicas }: Manifest['versions'][number],
  destination: Files,
  { name, ask, startProgress, io }: VersionsTask,
): Promise<Pending | 'vanished'> {
  const path = destination.toVersionPath(name, replicas[0] ?? '')
  const held = await destination.prepare(path)
  if (held?.digest === digest) return { part: null, written: { path, digest, size: held.size, replicas } }
  const openSink = (announced: Announced) => destination.open(path, announced)
  const got = await download({ ask, path: toVersionHref(name, digest), digest, openSink, startProgress }, io)
  if (!('refused' in got)) {
    return { part: got.sink, written: { path, digest, size: got.announced.size, replicas } }
  }
  const problem = await readProblem(got.refused)
  if (got.refused.status === 404) return 'vanished'
  throw toUserError(problem, name)
}

/** The manifest of a conflict; throws a UserError for an invalid one, or one holder of two versions. */
export function readManifest(problem: Problem, name: string): Manifest {
  const parsed = parse(manifestSchema, problem)
  const holders = parsed.success ? parsed.output.versions.map(({ replicas }) => replicas[0]) : []
  const whole = holders.length > 1 && !holders.includes(undefined) && new Set(holders).size === holders.length
  if (parsed.success && whole) return { ...parsed.output, name }
  throw new UserError(
    `${name}: the coordinator reports a conflict, but not which replica holds which version`,
  )
}
