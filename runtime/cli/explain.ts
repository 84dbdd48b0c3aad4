import type { Version } from '../../functions/coordinator/compare.ts'
import { NAME_RULE, parseName } from '../../functions/storage/names.ts'
import { MAX_COMPARISONS } from '../../functions/wire/limits.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { Refusal } from '../node/refusal.ts'
import type { Ask } from './ask.ts'
import { createPaint } from './colour.ts'
import type { Command } from './command.ts'
import { readCopies } from './copies.ts'
import { type Explanation, toJsonText, toPeopleText } from './explanation.ts'
import { writeOut } from './io.ts'
import { openSource, requireCompared } from './source.ts'
import { readDifference, type VersionDifference } from './version-difference.ts'

/** `vouch explain`: how the copies of one file differ. */
export const explain: Command = {
  async run(flags, [text = ''], io) {
    const name = parseName(text)
    if (name === null) throw new Refusal(`'${text}' is no name of a file: ${NAME_RULE}`)
    const { ask, query, close } = await openSource(flags, io, { isComparing: true })
    try {
      const explanation = await readExplanation(ask, name, query)
      requireCompared(explanation.comparison.answers, flags)
      await writeOut(
        io,
        flags['json'] ? toJsonText(explanation) : toPeopleText(explanation, createPaint(io.stdout, io.env)),
      )
      requireTold(explanation)
      return explanation.comparison.agreement === 'unanimous' ? 0 : 1
    } finally {
      await close()
    }
  },
}

/** Compares the copies, again when a version is gone by the time it is read. */
async function readExplanation(ask: Ask, name: string, query: string): Promise<Explanation> {
  for (let comparisons = 1; comparisons <= MAX_COMPARISONS; comparisons++) {
    const comparison = await readCopies(ask, name, query)
    const differences = await readDifferences(ask, name, comparison.versions)
    if (differences !== null) return { name, comparison, differences }
  }
  throw new Refusal(
    `${name}: the copies changed each time they were compared; run it again when nobody writes to them`,
  )
}

/** Null when one of the versions is gone. */
async function readDifferences(
  ask: Ask,
  name: string,
  [first, ...others]: readonly Version[],
): Promise<VersionDifference[] | null> {
  const differences: VersionDifference[] = []
  if (first === undefined) return differences
  for (const other of others) {
    const difference = await readDifference(ask, name, [first, other])
    if (difference === null) return null
    differences.push(difference)
  }
  return differences
}

/** Throws a Refusal when no replica has the file, or some replica did not say whether it has. */
function requireTold({ name, comparison: { answers, agreement } }: Explanation): void {
  const failed = answers.filter(({ said }) => said instanceof StorageError)
  const silent = failed.map(({ id }) => id)
  if (
    silent.length > 0 &&
    failed.every(({ said }) => said instanceof StorageError && said.code === 'integrity')
  )
    throw new Refusal(
      `${name}: corrupt on ${silent.join(', ')}: the bytes contradict their digest; replace each with a good copy`,
    )
  if (silent.length > 0)
    throw new Refusal(
      `${name}: no copy from ${silent.join(', ')}, for the reason given above; run it again when that is mended`,
    )
  if (agreement === 'absent')
    throw new Refusal(
      `${name}: no replica has it; is the name right? 'vouch check --all' lists what there is`,
    )
}
