import { resolve } from 'node:path'
import { parse } from '../../functions/wire/parse.ts'
import { toFilePath } from '../../functions/wire/routes.ts'
import { type Manifest, manifest as manifestSchema, type Problem } from '../../functions/wire/schemas.ts'
import { Refusal } from '../node/refusal.ts'
import { type Ask, readProblem, toLine } from './ask.ts'
import type { Destination } from './destination.ts'
import { download } from './download.ts'
import type { Io } from './io.ts'
import { openPart, type PartFile, requireTarget } from './part-file.ts'
import { sayUnkept, type Written } from './talk.ts'

interface Errand {
  readonly name: string
  readonly ask: Ask
  readonly destination: Destination
  readonly io: Io
}

/** A version on its way to its place. */
interface Pending {
  readonly part: PartFile
  readonly written: Written
}

/**
 * Receives every version that a conflict's problem document lists, and puts them into their places once all are there;
 * none on standard output. `vanished` when nobody holds one of them any more. What comes over the wire decides no path:
 * ids are the schema's, the rest of each path and the address asked are made here.
 */
export async function receiveVersions(
  problem: Problem,
  errand: Errand,
): Promise<{ manifest: Manifest; written: Written[] } | 'vanished'> {
  const manifest = readManifest(problem, errand.name)
  if (errand.destination === 'stdout') return { manifest, written: [] }
  const pending: Pending[] = []
  let keep = true
  try {
    for (const version of manifest.versions) {
      const received = await receiveVersion(version, errand.destination, errand)
      keep = received !== 'vanished'
      if (received === 'vanished') return received
      pending.push(received)
    }
    return { manifest, written: await commitAll(pending, errand.io) }
  } finally {
    for (const { part } of pending) await (keep ? part.keep() : part.discard('it is of no use'))
  }
}

/** Puts them into their places, taking each from `pending`. */
async function commitAll(pending: Pending[], io: Io): Promise<Written[]> {
  const done: Written[] = []
  for (let next = pending.shift(); next; next = pending.shift()) {
    sayUnkept(io, next.written.path, await next.part.commit())
    done.push(next.written)
  }
  return done
}

async function receiveVersion(
  { digest, replicas }: Manifest['versions'][number],
  destination: Exclude<Destination, 'stdout'>,
  { name, ask, io }: Errand,
): Promise<Pending | 'vanished'> {
  const path = destination.toVersionPath(name, replicas[0] ?? '')
  const target = resolve(io.cwd, path)
  await requireTarget(target)
  const got = await download(
    {
      ask,
      path: `${toFilePath(name)}?version=${digest}`,
      digest,
      openSink: ({ modified }) => openPart(target, { digest, modified, signal: io.signal }),
    },
    io,
  )
  if (!('refused' in got)) {
    return { part: got.sink, written: { path, digest, size: got.announced.size, replicas } }
  }
  const problem = await readProblem(got.refused)
  if (got.refused.status === 404) return 'vanished'
  throw new Refusal(`${name}: ${toLine(problem)}`)
}

/** The comparison that a conflict carries; throws a Refusal when it is none, or names one holder for two versions. */
function readManifest(problem: Problem, name: string): Manifest {
  const parsed = parse(manifestSchema, problem)
  const holders = parsed.success ? parsed.output.versions.map(({ replicas }) => replicas[0]) : []
  const whole = holders.length > 1 && !holders.includes(undefined) && new Set(holders).size === holders.length
  if (parsed.success && whole) return { ...parsed.output, name }
  throw new Refusal(`${name}: the coordinator says that the copies differ, but not who holds what`)
}
