import { isSendable, type Version } from '../../../functions/coordinator/compare/compare.ts'
import { MAX_COMPARISONS } from '../../../functions/wire/limits.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { createPaint } from '../../hosting/colour.ts'
import { say, writeOut } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import type { CoordinatorClient } from '../client/coordinator-client.ts'
import { requireCompared, requireName, withSource } from '../client/source.ts'
import { readCopies } from '../explain/copies.ts'
import { type Explanation, toJsonText, toPeopleText } from '../explain/explanation.ts'
import { readDifference, type VersionDifference } from '../explain/version-difference.ts'
import type { Command } from '../options/command.ts'
import { readOptions } from '../options/declaration.ts'
import { EXPLAIN } from '../options/differences.ts'

export const explain: Command = {
  async run(given, io) {
    const options = readOptions(EXPLAIN, given)
    const name = requireName(given.operand, 'explain')
    return await withSource(options, io, { isComparing: true }, async ({ ask, query }) => {
      const explanation = await readExplanation(ask, name, query)
      requireCompared(explanation.comparison.answers, options)
      const trouble = findTrouble(explanation)
      await writeOut(
        io,
        options.json
          ? toJsonText(explanation, trouble)
          : toPeopleText(explanation, createPaint(io.stdout, io.env)),
      )
      if (trouble !== null) {
        say(io, `vouch: ${trouble.message}`)
        return 2
      }
      return explanation.comparison.agreement === 'unanimous' ? 0 : 1
    })
  },
}

/** Compares the copies, and again when a version is gone by the time it is read. */
async function readExplanation(ask: CoordinatorClient, name: string, query: string): Promise<Explanation> {
  for (let comparisons = 1; comparisons <= MAX_COMPARISONS; comparisons++) {
    const comparison = await readCopies(ask, name, query)
    const differences = await readDifferences(ask, name, comparison.versions)
    if (differences !== null) return { name, comparison, differences }
  }
  throw new UserError(
    `${name}: the copies changed each time they were compared; run it again when they are not being written`,
    'changed-while-reading',
  )
}

/** Null when one of the versions is gone. */
async function readDifferences(
  ask: CoordinatorClient,
  name: string,
  [first, ...others]: readonly Version[],
): Promise<(VersionDifference | null)[] | null> {
  const differences: (VersionDifference | null)[] = []
  if (first === undefined) return differences
  for (const other of others) {
    if (!isSendable(first) || !isSendable(other)) {
      differences.push(null)
      continue
    }
    const difference = await readDifference(ask, name, [first, other])
    if (difference === null) return null
    differences.push(difference)
  }
  return differences
}

/** What is wrong when no replica has the file, or some replica did not answer; null for nothing. */
function findTrouble({ name, comparison: { answers, agreement } }: Explanation): UserError | null {
  const failed = answers.flatMap(({ id, said }) =>
    said instanceof StorageError ? { id, code: said.code } : [],
  )
  const silent = failed.map(({ id }) => id)
  if (silent.length > 0 && failed.every(({ code }) => code === 'integrity'))
    return new UserError(
      `${name}: corrupt on ${silent.join(', ')}: the bytes contradict their digest; replace each with a good copy`,
      'integrity-failure',
    )
  if (silent.length > 0)
    return new UserError(
      `${name}: no copy from ${silent.join(', ')}, for the reason given above; run it again when that is fixed`,
      agreement === 'unknown' ? 'existence-unknown' : 'unreachable',
    )
  if (agreement === 'absent')
    return new UserError(
      `${name}: not found on any replica; is the name right? 'vouch check --all' lists all names`,
      'not-found',
    )
  return null
}
