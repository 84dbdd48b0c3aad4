import type { Reply } from '../../../../functions/storage/remote/replies.ts'
import { type Estimate, estimateLine } from '../../../../functions/wire/schemas/estimate.ts'
import { escapeControls, formatCount, formatNumber, formatSize } from '../../../../functions/wire/text.ts'
import { type Io, say, toJsonLine, writeOut } from '../../../hosting/io.ts'
import { Broken, readProblem, toUserError } from '../../client/coordinator-client.ts'
import { readNdjson } from '../../client/ndjson.ts'
import { withSource } from '../../client/source.ts'
import type { Command } from '../../options/command.ts'
import { readOptions } from '../../options/declaration.ts'
import { ESTIMATE } from '../../options/records.ts'
import { formatDollars, toCallWords } from '../../terminal/call-words.ts'
import { toLocalTime } from '../../terminal/times.ts'

export const estimate: Command = {
  async run(given, io) {
    const options = readOptions(ESTIMATE, given)
    const { operand: prefix = '' } = given
    const query = new URLSearchParams({
      ...(prefix !== '' && { prefix }),
      ...(options.deep && { deep: 'true' }),
    })
    return await withSource({ ...options, deep: false }, io, { reads: 'trees' }, async ({ ask }) => {
      const response = await ask(`/estimate?${query}`)
      if (response.status !== 200) throw toUserError(await readProblem(response))
      const made = await readEstimate(response)
      await writeOut(io, options.json ? toJsonLine(made) : toText(made))
      return sayTrouble(io, made) ? 2 : 0
    })
  },
}

async function readEstimate(response: Reply): Promise<Estimate> {
  let made: Estimate | undefined
  for await (const lines of readNdjson(response, estimateLine)) {
    for (const line of lines) if ('estimate' in line) made = line.estimate
  }
  if (made === undefined) throw new Broken('the estimate broke off before its end; run it again')
  return made
}

/** Prints which replicas could not be asked; returns whether there are any. */
function sayTrouble(io: Io, { replicas }: Estimate): boolean {
  for (const { id, state, error, detail } of replicas) {
    if (state === 'error') say(io, `${id} is not in this estimate: ${detail ?? error}`)
  }
  return replicas.some(({ state }) => state === 'error')
}

function toText(made: Estimate): string {
  const { replicas, cpuSeconds, cpuDollars, pricesRead, differing, last } = made
  const lines = replicas.map(({ id, state, names, bytes, calls }) => {
    if (state === 'error') return `${id}: not known`
    if (calls === null || names === null) return `${id}: no calls that are counted here`
    return `${id}: ${formatCount(names, 'name', 'names')}, ${formatSize(bytes ?? 0)}: ${toCallWords(calls)}`
  })
  const dollars = replicas.reduce((sum, one) => sum + (one.dollars ?? 0), 0)
  lines.push(
    `together ${formatDollars(dollars)}, at prices read on ${pricesRead}, without what is free; CPU ${formatNumber(Math.ceil(cpuSeconds))} s, on Workers ${formatDollars(cpuDollars)}`,
  )
  if (differing !== null && differing > 0)
    lines.push(
      `  with the ${formatCount(differing, 'name that differs', 'names that differ')} by the last check`,
    )
  for (const { id, spent } of replicas)
    if (spent !== null) lines.push(`  this estimate itself took of ${id} ${toCallWords(spent)}`)
  if (last !== null)
    for (const { id, calls } of last.replicas)
      lines.push(`  the check of ${toLocalTime(last.ended)} took of ${id} ${toCallWords(calls)}`)
  return lines.map((line) => `${escapeControls(line)}\n`).join('')
}
