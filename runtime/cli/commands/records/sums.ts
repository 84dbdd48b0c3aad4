import { dirname, resolve } from 'node:path'
import type { AuditSummary } from '../../../../functions/wire/schemas/audit.ts'
import { formatCount, formatSize } from '../../../../functions/wire/text.ts'
import { type Io, say } from '../../../hosting/io.ts'
import { findHolder, type OwnDirectory } from '../../../hosting/outside.ts'
import { UserError } from '../../../node/user-error.ts'
import { isCompared, requireNames, sayEvidence, sayExcluded, saySkipped } from '../../check/summary.ts'
import { readAudit, toAuditQuery } from '../../client/audit.ts'
import { readProblem, toUserError } from '../../client/coordinator-client.ts'
import { requireCompared, type Source, withSource } from '../../client/source.ts'
import { parseDestination } from '../../download/destination.ts'
import { requireTarget } from '../../download/part-file.ts'
import type { Arguments, Command } from '../../options/command.ts'
import { type Options, readOptions } from '../../options/declaration.ts'
import { SUMS } from '../../options/records.ts'
import { openBag, requireAll, requireNothingExcluded, requirePayload } from '../../sums/bag.ts'
import { FORMATS, type Format, PAYLOAD_MANIFEST } from '../../sums/formats.ts'
import { createLeftOut, type LeftOut } from '../../sums/left-out.ts'
import { createList } from '../../sums/list.ts'
import { type Output, openNamed, openPrinted } from '../../sums/output.ts'

type SumsOptions = Options<typeof SUMS>

/** A list to write. */
interface Listing {
  readonly format: Format
  readonly output: Output
  /** Of a bag: the replica in its directory. */
  readonly payload?: OwnDirectory
}

export const sums: Command = {
  async run(given, io) {
    const options = readOptions(SUMS, given)
    if (options.bag !== undefined) requireWhole(given, options)
    const asked = { ...options, excluded: given.excluded }
    return await withSource(asked, io, { reads: 'trees', isComparing: true }, async (source) => {
      const listing = await openListing(options, source, io)
      try {
        return await write(listing, given, options, source, io)
      } finally {
        await listing.output.discard()
      }
    })
  },
}

/** Throws a UserError for what is not of a bag, or would leave out a part of its payload. */
function requireWhole({ texts, operand, excluded }: Arguments, options: SumsOptions): void {
  const other = ['output', 'format'].find((flag) => texts[flag] !== undefined)
  if (other !== undefined)
    throw new UserError(`--bag and --${other} exclude each other; the files of a bag have their own names`)
  const { match, exclude, agreed } = options
  if (operand !== undefined || match.length + exclude.length > 0 || agreed)
    throw new UserError(
      'a bag lists every file of its payload; leave out PREFIX, --match, --exclude and --agreed',
    )
  requireNothingExcluded(excluded)
}

async function openListing(options: SumsOptions, { directories }: Source, io: Io): Promise<Listing> {
  const { bag, format = 'gnu', output = '-' } = options
  if (bag !== undefined) {
    const directory = resolve(io.cwd, bag)
    const payload = await requirePayload(directory, directories)
    return { format: PAYLOAD_MANIFEST, output: await openBag(directory), payload }
  }
  const destination = parseDestination({ output })
  if (destination === 'stdout') return { format: FORMATS[format], output: await openPrinted(io) }
  const target = resolve(io.cwd, output)
  requireElsewhere(output, target, directories)
  await requireTarget(target)
  return { format: FORMATS[format], output: await openNamed(target) }
}

/** Throws a UserError when the list would lie inside one of the compared replicas. */
function requireElsewhere(output: string, target: string, directories: readonly OwnDirectory[]): void {
  const holder = findHolder(dirname(target), directories)
  if (holder !== undefined)
    throw new UserError(
      `'${output}' is inside the replica ${holder.id}, where the list would be compared itself; -o names a place outside it`,
    )
}

/** Writes what the replicas agree on, and reports the rest; resolves with the exit status. */
async function write(
  { format, output, payload }: Listing,
  { operand: prefix = '' }: Arguments,
  options: SumsOptions,
  { ask, excluded }: Source,
  io: Io,
): Promise<number> {
  const { agreed } = options
  const response = await ask(`/audit?${toAuditQuery({ ...options, all: true }, prefix, excluded)}`)
  if (response.status !== 200) throw toUserError(await readProblem(response))
  const list = createList(format)
  const leftOut = createLeftOut(io)
  await output.write(format.head)
  const summary = await readAudit(response, io, async (manifests) => {
    let text = ''
    for (const manifest of manifests) {
      const entry = list.add(manifest)
      if (entry === null) leftOut.add(manifest)
      else text += entry
    }
    if (text !== '') await output.write(text)
  })
  leftOut.end()
  requireCompared(summary.replicas, options)
  saySkipped(io, summary.replicas)
  sayExcluded(io, summary, excluded)
  requireNames(summary, prefix, options)
  if (payload !== undefined) requireAll(summary, payload)
  const status = toStatus(summary, leftOut.counts())
  const { names } = leftOut.counts()
  if (status !== 0 && !agreed) return refuse(status, names, payload, io)
  const totals = list.totals()
  if (totals.names === 0) throw new UserError('nothing was written: the replicas agree on no file')
  await output.commit(totals)
  const leaving =
    names === 0 ? '' : `, without ${formatCount(names, 'name', 'names')} that are not the same everywhere`
  say(
    io,
    `${formatCount(totals.names, 'name', 'names')} written, ${formatSize(Number(totals.bytes))}${leaving}`,
  )
  sayEvidence(io, summary)
  return status
}

/** As of `vouch check`. */
function toStatus({ replicas }: AuditSummary, { names, unreadable }: LeftOut): number {
  const isComplete = replicas.every((replica) => replica.state === 'ok' && isCompared(replica))
  return !isComplete || unreadable > 0 ? 2 : names > 0 ? 1 : 0
}

/** Reports why nothing is written; returns the exit status. */
function refuse(status: number, names: number, payload: OwnDirectory | undefined, io: Io): number {
  const why =
    status === 1
      ? `${formatCount(names, 'name is', 'names are')} not the same everywhere`
      : 'some files could not be compared'
  const advice = payload === undefined ? ', and --agreed leaves them out' : ''
  say(io, `vouch: nothing was written, because ${why}; 'vouch check' prints more${advice}`)
  return status
}
