import { dirname, resolve } from 'node:path'
import { NAME_RULE, parseName } from '../../functions/storage/names.ts'
import { MAX_COMPARISONS } from '../../functions/wire/limits.ts'
import { toFilePath } from '../../functions/wire/routes.ts'
import { Refusal } from '../node/refusal.ts'
import { type Ask, readProblem, toLine } from './ask.ts'
import type { Command } from './command.ts'
import { receiveVersions } from './conflict.ts'
import { type Destination, parseDestination } from './destination.ts'
import { download } from './download.ts'
import { readFailureWords } from './failure-words.ts'
import type { Io } from './io.ts'
import { createOutput } from './output.ts'
import { findHolder, type OwnDirectory } from './outside.ts'
import { openPart, requireTarget } from './part-file.ts'
import { askName } from './prompt.ts'
import { openSource } from './source.ts'
import { printReport, type Report, sayConflict, sayReceived, sayUnkept } from './talk.ts'

/** `vouch get`: one file, once all copies have been compared. */
export const get: Command = {
  async run(flags, [operand], io) {
    const destination = parseDestination(flags)
    const { ask, query, directories, close } = await openSource(flags, io)
    try {
      const text = operand ?? (await askName(io))
      const name = parseName(text)
      if (name === null) throw new Refusal(`'${text}' is no name of a file: ${NAME_RULE}`)
      requireElsewhere(destination, name, directories, io)
      const { status, report, problem } = await getFile({ name, query, ask, destination, io })
      if (flags['json']) await printReport(io, report)
      if (problem !== undefined) throw new Refusal(problem)
      return status
    } finally {
      await close()
    }
  },
}

/** Throws a Refusal when what is written would lie inside one of the replicas, which are compared. */
function requireElsewhere(
  destination: Destination,
  name: string,
  directories: readonly OwnDirectory[],
  { cwd }: Io,
): void {
  if (destination === 'stdout') return
  const path = destination.toPath(name)
  const holder = findHolder(dirname(resolve(cwd, path)), directories)
  if (holder !== undefined)
    throw new Refusal(
      `'${path}' lies inside the replica ${holder.id}, and would change what is compared; -o names a place outside it, and 'vouch plan' copies from one replica to another`,
    )
}

interface Errand {
  readonly name: string
  readonly query: string
  readonly ask: Ask
  readonly destination: Destination
  readonly io: Io
}

interface Outcome {
  /** 3 for a file of which some replica gave no copy, and did not say that it has none. */
  readonly status: 0 | 1 | 2 | 3
  readonly report: Report
  /** With status 2. */
  readonly problem?: string
}

/** Has the copies compared, again when a version is gone by the time it is asked for, and gets what there is. */
async function getFile(errand: Errand): Promise<Outcome> {
  for (let comparisons = 1; comparisons <= MAX_COMPARISONS; comparisons++) {
    const outcome = await getCompared(errand)
    if (outcome !== 'vanished') return outcome
  }
  throw new Refusal(
    `${errand.name}: the copies changed each time a version was about to be received; run it again when nobody writes to them`,
  )
}

async function getCompared(errand: Errand): Promise<Outcome | 'vanished'> {
  const { name, io, destination } = errand
  const got = await (destination === 'stdout'
    ? getToOutput(errand)
    : getToFile(errand, destination.toPath(name)))
  if ('name' in got) {
    const report = { ...got, replicas: await readFailureWords(errand.ask, name, got.replicas) }
    sayReceived(io, report)
    return { status: report.agreement === 'degraded' ? 3 : 0, report }
  }
  return await tellRefused(errand, got)
}

async function getToOutput({ name, query, ask, io }: Errand): Promise<Report | Response> {
  const openSink = async () => createOutput(io)
  const got = await download({ ask, path: toFilePath(name) + query, openSink }, io)
  if ('refused' in got) return got.refused
  const { agreement, reports } = got.announced
  return { name, agreement, replicas: reports, written: [] }
}

async function getToFile({ name, query, ask, io }: Errand, path: string): Promise<Report | Response> {
  const target = resolve(io.cwd, path)
  await requireTarget(target)
  const got = await download(
    {
      ask,
      path: toFilePath(name) + query,
      openSink: ({ digest, modified }) => openPart(target, { digest, modified, signal: io.signal }),
    },
    io,
  )
  if ('refused' in got) return got.refused
  sayUnkept(io, path, await got.sink.commit())
  const { digest, size, agreement, reports } = got.announced
  const replicas = reports.filter(({ state }) => state === 'match').map(({ id }) => id)
  return { name, agreement, replicas: reports, written: [{ path, digest, size, replicas }] }
}

/** What an answer comes to that is not the file: its versions, or a problem in one line. */
async function tellRefused(errand: Errand, response: Response): Promise<Outcome | 'vanished'> {
  const { name, io, ask, destination } = errand
  const problem = await readProblem(response)
  const { agreement = null, replicas = [] } = problem
  if (response.status !== 409) {
    return {
      status: 2,
      report: { name, agreement, replicas, written: [] },
      problem: `${name}: ${toLine(problem)}`,
    }
  }
  const received = await receiveVersions(problem, { name, ask, destination, io })
  if (received === 'vanished') return received
  sayConflict(io, received.manifest, received.written)
  return { status: 1, report: { name, agreement: 'conflict', replicas, written: received.written } }
}
