import type { Io } from '../../hosting/io.ts'
import { openNotifier } from '../../hosting/notify.ts'
import { UserError } from '../../node/user-error.ts'
import { printAudit } from '../check/print.ts'
import { toAuditQuery } from '../client/audit.ts'
import { readProblem, toUserError } from '../client/coordinator-client.ts'
import { type Source, withSource } from '../client/source.ts'
import { CHECK } from '../options/check.ts'
import type { Command } from '../options/command.ts'
import { type Options, readOptions } from '../options/declaration.ts'
import type { Part } from '../options/parts.ts'
import type { Ends } from '../parts/jobs.ts'
import type { findEnds } from '../parts/split.ts'

type CheckOptions = Options<typeof CHECK>

export const check: Command = {
  async run(given, io) {
    const options = readOptions(CHECK, given)
    const { operand: prefix = '' } = given
    requireOneSplit(options)
    requireShare(options, prefix)
    const { part, split, jobs, deep, maxAge } = options
    const asked = { ...options, excluded: given.excluded }
    return await withSource(asked, io, { reads: 'trees', isComparing: true }, async (source) => {
      const { ask, excluded } = source
      const splitting = { prefix, split, isDeep: deep || maxAge !== undefined }
      if (jobs > 1) {
        const { checkInParts, findEnds, printMerged, toRanges } = await loadParts()
        const ends = await findEnds(source, jobs, splitting, io)
        const notifier = openNotifier(options, io)
        const print = (paths: readonly string[]) => printMerged(paths, { ...options, excluded }, io, notifier)
        return await checkInParts(given, toRanges(ends), io, print)
      }
      const { after, until } = part === undefined ? options : await findRange(source, part, splitting, io)
      const isRange = part !== undefined || after !== undefined || until !== undefined
      const response = await ask(`/audit?${toAuditQuery({ ...options, after, until }, prefix, excluded)}`)
      if (response.status !== 200) throw toUserError(await readProblem(response))
      const notifier = isRange ? undefined : openNotifier(options, io)
      return await printAudit(response, prefix, { ...options, excluded, isRange }, io, notifier, goOn)
    })
  },
}

/** Loads what only a check in parts needs. */
async function loadParts() {
  return {
    ...(await import('../parts/jobs.ts')),
    ...(await import('../parts/print-merged.ts')),
    ...(await import('../parts/split.ts')),
  }
}

/** The range of the names of one part. */
async function findRange(
  source: Source,
  { nth, of }: Part,
  splitting: Parameters<typeof findEnds>[2],
  io: Io,
): Promise<Ends> {
  const { findEnds, toRanges } = await loadParts()
  const range = toRanges(await findEnds(source, of, splitting, io))[nth - 1]
  if (range === undefined) throw new Error(`there are ends for ${of} parts`)
  return range
}

/** What to do when a check broke off behind this name. */
function goOn(name: string): string {
  return `all names up to '${name}' were reported, and --after '${name}' goes on from there`
}

/** A share behind a blank would be the prefix, and all would be proved of almost no names. */
function requireShare({ prove }: CheckOptions, prefix: string): void {
  if (prove === 1 && /^\d+(\.\d+)?%$/.test(prefix))
    throw new UserError(
      `--prove takes its share behind '=', got '${prefix}' as PREFIX; write --prove=${prefix}`,
    )
}

function requireOneSplit({ after, until, part, split, jobs, prove, confidence }: CheckOptions): void {
  const isRange = after !== undefined || until !== undefined
  if ([isRange, part !== undefined, jobs > 1].filter(Boolean).length > 1)
    throw new UserError('--part, --jobs, and --after or --until exclude each other; leave out all but one')
  const isSplit = part !== undefined || jobs > 1
  if (isSplit && (prove !== undefined || confidence !== undefined))
    throw new UserError('--part and --jobs split a check without --prove or --confidence: leave one out')
  if (split !== undefined && !isSplit)
    throw new UserError('--split needs --part or --jobs, which split a check')
}
