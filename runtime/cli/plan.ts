import { toCounted } from '../../functions/wire/grouped.ts'
import { parse } from '../../functions/wire/parse.ts'
import { type PlanSummary, planSummary, policy, type Rule } from '../../functions/wire/plan-schemas.ts'
import type { Flags } from '../node/configuration.ts'
import { Refusal } from '../node/refusal.ts'
import { Broken, readProblem, toLine } from './ask.ts'
import { isCompared, requireNames, sayPassed } from './check.ts'
import type { Command } from './command.ts'
import { type Io, say, toHarmlessJson, writeOut } from './io.ts'
import { parseLine, readTextLines } from './lines.ts'
import { toSize } from './progress.ts'
import { openSource, requireCompared } from './source.ts'

/** `vouch plan`: what would be copied where. */
export const plan: Command = {
  async run(flags, [prefix = ''], io) {
    const { match = [], exclude = [] } = flags
    const rules = toRules(flags)
    const { ask, query, close } = await openSource(flags, io, { isWhole: true, isComparing: true })
    try {
      const response = await ask(`/plan${query}`, { json: JSON.stringify({ prefix, match, exclude, rules }) })
      if (response.status !== 200) throw new Refusal(toLine(await readProblem(response)))
      return await print(response, prefix, flags, io)
    } finally {
      await close()
    }
  },
}

function toRules(flags: Flags): Rule[] {
  const { keep, newest, majority, for: rules = [] } = flags
  const chosen = [
    keep === undefined ? [] : `keep:${keep}`,
    newest ? 'newest' : [],
    majority ? 'majority' : [],
  ].flat()
  if (chosen.length > 1)
    throw new Refusal(
      '--keep, --newest and --majority exclude each other; leave one, and say the rest with --for PREFIX=POLICY',
    )
  const words = [...chosen.map((word) => `=${word}`), ...(Array.isArray(rules) ? rules.map(String) : [])]
  return words.map(parseRule)
}

/** `PREFIX=POLICY`; the prefix may hold further equals signs. */
function parseRule(word: string): Rule {
  const [, prefix = '', text = ''] = /^(.*)=([^=]*)$/su.exec(word) ?? []
  const parsed = parse(policy, text.startsWith('keep:') ? { keep: text.slice('keep:'.length) } : text)
  if (parsed.success) return { prefix, policy: parsed.output }
  throw new Refusal(
    `a policy is keep:ID, newest, majority or fill-missing, got '${text === '' ? word : text}'`,
  )
}

/** Prints a plan as it comes; the exit status. */
async function print(response: Response, prefix: string, flags: Flags, io: Io): Promise<number> {
  let summary: PlanSummary | undefined
  for await (const lines of readTextLines(response)) {
    for (const line of lines) {
      if (line.startsWith(SUMMARY)) summary = parseLine(line.slice(SUMMARY.length), planSummary)
    }
    const told = lines.filter((line) => line !== '')
    if (told.length > 0) await writeOut(io, told.map((line) => `${toHarmlessJson(line)}\n`).join(''))
  }
  if (summary === undefined)
    throw new Broken('the plan broke off before its end: it cannot be applied; run it again')
  const { steps, bytes, left, audit } = summary
  requireCompared(audit.replicas, flags)
  requireNames(audit, prefix, flags)
  say(io, `${toCounted(steps, 'step', 'steps')}, ${toSize(bytes)} to be written`)
  if (left > 0) {
    say(
      io,
      `${toCounted(left, 'name is', 'names are')} left alone: no policy chooses a copy, or a replica did not say what it holds; see vouch check`,
    )
  }
  const lost = audit.replicas.filter(({ state }) => state === 'error')
  for (const { id, detail, error } of lost) say(io, `warning: ${id} was left out: ${detail ?? error}`)
  sayPassed(io, audit.replicas)
  const { degraded = 0, unknown = 0 } = audit.agreements
  return lost.length > 0 || !audit.replicas.every(isCompared) || degraded + unknown > 0
    ? 2
    : steps > 0
      ? 1
      : 0
}

/** What the line with the summary begins with: a step's begins with a brace. */
const SUMMARY = '"summary": '
