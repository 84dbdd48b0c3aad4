import type { Reply } from '../../../../functions/storage/remote/replies.ts'
import { MAX_MISSING_HELD } from '../../../../functions/wire/limits.ts'
import { type PlanSummary, planSummary } from '../../../../functions/wire/schemas/plan.ts'
import type { Policy, Rule } from '../../../../functions/wire/schemas/policy.ts'
import { formatCount, formatNumber, formatSize } from '../../../../functions/wire/text.ts'
import { type Io, say, toHarmlessJson, writeOut } from '../../../hosting/io.ts'
import { UserError } from '../../../node/user-error.ts'
import { isCompared, requireNames, sayExcluded, saySkipped } from '../../check/summary.ts'
import { Broken, readProblem, toUserError } from '../../client/coordinator-client.ts'
import { parseLine, readTextLines } from '../../client/ndjson.ts'
import { requireCompared, withSource } from '../../client/source.ts'
import type { Command } from '../../options/command.ts'
import { type Options, readOptions } from '../../options/declaration.ts'
import { PLAN } from '../../options/differences.ts'

type PlanOptions = Options<typeof PLAN>
type PrintOptions = PlanOptions & { readonly excluded: readonly string[] }

export const plan: Command = {
  async run(given, io) {
    const options = readOptions(PLAN, given)
    const { operand: prefix = '' } = given
    const { match, exclude, after, until } = options
    const rules = toRules(options)
    const asked = { ...options, excluded: given.excluded }
    return await withSource(asked, io, { reads: 'trees', isComparing: true }, async (source) => {
      const { ask, query, excluded } = source
      const moves = options.moves && { moves: true }
      const request = { prefix, match, exclude: [...excluded, ...exclude], after, until, rules, ...moves }
      const response = await ask(`/plan${query}`, { json: JSON.stringify(request) })
      if (response.status !== 200) throw toUserError(await readProblem(response))
      return await print(response, prefix, { ...options, excluded }, io)
    })
  },
}

function toRules({ keep, newest, majority, repair, for: rules }: PlanOptions): Rule[] {
  const chosen: Policy[] = [
    ...(keep === undefined ? [] : [{ keep }]),
    ...(newest ? (['newest'] as const) : []),
    ...(majority ? (['majority'] as const) : []),
    ...(repair ? (['repair'] as const) : []),
  ]
  if (chosen.length > 1)
    throw new UserError(
      '--keep, --newest, --majority and --repair exclude each other; set one, and others for a prefix with --for PREFIX=POLICY',
    )
  return [...chosen.map((policy) => ({ prefix: '', policy })), ...rules]
}

/** Prints a plan as it arrives; returns the exit status. */
async function print(response: Reply, prefix: string, options: PrintOptions, io: Io): Promise<number> {
  let summary: PlanSummary | undefined
  for await (const lines of readTextLines(response)) {
    for (const line of lines) {
      if (line.startsWith(SUMMARY)) summary = parseLine(line.slice(SUMMARY.length), planSummary)
    }
    const shown = lines.filter((line) => line !== '')
    if (shown.length > 0) await writeOut(io, shown.map((line) => `${toHarmlessJson(line)}\n`).join(''))
  }
  if (summary === undefined)
    throw new Broken('the plan broke off before its end and cannot be applied; run it again')
  const { steps, moves, unpaired, bytes, left, recorded = 0, audit } = summary
  requireCompared(audit.replicas, options)
  const isRange = options.after !== undefined || options.until !== undefined
  if (!isRange) requireNames(audit, prefix, options)
  const amounts = [formatCount(steps, 'step', 'steps'), `${formatSize(bytes)} to be written`]
  if (moves) amounts.splice(1, 0, `${formatNumber(moves)} of them ${moves === 1 ? 'a move' : 'moves'}`)
  say(io, amounts.join(', '))
  if (options.moves) sayUnpaired(io, moves, unpaired)
  const { degraded = 0, unknown = 0 } = audit.agreements
  const unanswered = Math.min(left - recorded, degraded + unknown)
  sayLeft(io, { conflicts: left - recorded - unanswered, recorded, unanswered })
  sayExcluded(io, audit, options.excluded)
  saySkipped(io, audit.replicas)
  const isWhole = audit.replicas.every((replica) => replica.state === 'ok' && isCompared(replica))
  return !isWhole || degraded + unknown > 0 ? 2 : steps > 0 ? 1 : 0
}

/** Reports that renamed files may be copied, although moves were asked for. */
function sayUnpaired(io: Io, moves: number | undefined, unpaired = 0): void {
  if (moves === undefined)
    say(
      io,
      'warning: the coordinator is of an earlier version, which plans no moves: renamed files are copied',
    )
  if (unpaired > 0)
    say(
      io,
      `warning: ${formatCount(unpaired, 'name', 'names')} beyond the first ${formatNumber(MAX_MISSING_HELD)} that some replica lacks were not looked at for moves, and are copied; plan one prefix after another`,
    )
}

/** Reports the names for which nothing is planned. */
function sayLeft(
  io: Io,
  { conflicts, recorded, unanswered }: Readonly<Record<'conflicts' | 'recorded' | 'unanswered', number>>,
): void {
  if (conflicts > 0)
    say(
      io,
      `${formatCount(conflicts, 'conflict', 'conflicts')} left alone. Choose with --keep ID, --newest, --majority or --repair; 'vouch check' lists the names`,
    )
  if (recorded > 0)
    say(
      io,
      `${formatCount(recorded, 'name is', 'names are')} missing with nothing to copy from: only lists have ${recorded === 1 ? 'it' : 'them'}`,
    )
  if (unanswered > 0)
    say(
      io,
      `${formatCount(unanswered, 'name', 'names')} left alone, because some replica did not report its copy; 'vouch check' prints why`,
    )
}

/** The beginning of the line with the summary; a step begins with a brace. */
const SUMMARY = '"summary": '
