import { type ReplicaStates, replicaStates } from '../../../../functions/wire/schemas/health.ts'
import { type Status, status as schema } from '../../../../functions/wire/schemas/ledger.ts'
import { escapeControls, formatCount, formatSize } from '../../../../functions/wire/text.ts'
import { toCountWords, toUnverifiedText } from '../../../../functions/wire/words/finding.ts'
import { toJsonLine, writeOut } from '../../../hosting/io.ts'
import { readAnswer } from '../../client/coordinator-client.ts'
import { withSource } from '../../client/source.ts'
import type { Command } from '../../options/command.ts'
import { readOptions } from '../../options/declaration.ts'
import { STATUS } from '../../options/records.ts'
import { toAgreementWords } from '../../terminal/agreement-words.ts'
import { toChangeWords } from '../../terminal/change-words.ts'
import { toLocalTime } from '../../terminal/times.ts'
import { toVerificationWords } from '../../terminal/verification-words.ts'

/** What was found, and how each replica answers now. */
interface Known extends Omit<Status, 'replicas'> {
  readonly replicas: readonly (ReplicaStates['replicas'][number] & {
    readonly states: Record<string, number>
  })[]
}

export const status: Command = {
  async run(given, io) {
    const options = readOptions(STATUS, given)
    return await withSource(options, io, {}, async ({ ask }) => {
      const [found, now] = await Promise.all([
        ask('/status').then((response) => readAnswer(response, schema)),
        ask('/replicas').then((response) => readAnswer(response, replicaStates)),
      ])
      const replicas = now.replicas.map((replica) => ({
        ...replica,
        states: found.replicas.find(({ id }) => id === replica.id)?.states ?? {},
      }))
      const known = { ...found, replicas }
      await writeOut(io, options.json ? toJsonLine(known) : toText(known))
      return toExitStatus(known)
    })
  },
}

function toExitStatus({ last, unended, differing, replicas }: Known): number {
  const isWhole = last?.summary?.replicas.every(({ state }) => state === 'ok') === true
  if (!isWhole || unended !== null || replicas.some(({ state }) => state === 'error')) return 2
  return Object.keys(differing).length > 0 ? 1 : 0
}

function toText(known: Known): string {
  return [...toCheckLines(known), ...known.replicas.map((replica) => toReplicaLine(replica, known))]
    .map((line) => `${escapeControls(line)}\n`)
    .join('')
}

function toCheckLines(known: Known): string[] {
  const { last, unended, verification, verifiesEvery, replicas, differing } = known
  const lines: string[] = []
  if (last?.summary == null || last.ended === null)
    lines.push('never checked: vouch check compares all names')
  else {
    const missingOn = new Set(replicas.flatMap(({ id, states }) => ((states['missing'] ?? 0) > 0 ? id : [])))
    const words = toAgreementWords({
      agreements: last.summary.agreements,
      ids: replicas.map(({ id }) => id),
      missingOn,
    })
    lines.push(
      `checked ${toLocalTime(last.ended)}: ${formatCount(last.summary.names, 'name', 'names')}: ${words}`,
    )
    const { changes, unverified } = last.summary
    if (changes !== undefined) lines.push(`  ${toChangeWords(changes)}`)
    if (unverified !== undefined) lines.push(`  ${toUnverifiedText(unverified)}`)
  }
  const open = Object.values(differing).reduce((a, b) => a + b, 0)
  if (open > 0) lines.push(`  ${formatCount(open, 'name differs', 'names differ')} by the last check of each`)
  if (unended !== null)
    lines.push(`the check of ${toLocalTime(unended.began)} has not ended: it still runs, or broke off`)
  if (verification !== null) lines.push(toVerificationWords(verification, verifiesEvery))
  return lines
}

function toReplicaLine(
  { id, state, error, detail, states, corrupt }: Known['replicas'][number],
  { last }: Known,
): string {
  const then = last?.summary?.replicas.find((one) => one.id === id)
  const held = then && `then ${formatCount(then.seen.names, 'name', 'names')}, ${formatSize(then.seen.bytes)}`
  const part = last?.summary?.unverified === undefined ? '' : 'a part of '
  const left =
    then?.error === undefined ? [] : [`left out of ${part}that check: ${then.detail ?? then.error}`]
  const counts = toCountWords(states)
  const rot = corrupt > 0 ? [`${formatCount(corrupt, 'copy', 'copies')} corrupt`] : []
  const now = state === 'ok' ? 'answers' : `does not answer now: ${detail ?? error}`
  return `${id}: ${[now, ...(held ? [held] : []), ...left, ...counts, ...rot].join('; ')}`
}
