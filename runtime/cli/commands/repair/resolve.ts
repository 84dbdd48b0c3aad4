import { resolve as toAbsolute } from 'node:path'
import { formatCount, formatSize } from '../../../../functions/wire/text.ts'
import { type Io, say, writeOut } from '../../../hosting/io.ts'
import { findHolder, type OwnDirectory } from '../../../hosting/outside.ts'
import { UserError } from '../../../node/user-error.ts'
import { requireName, withSource } from '../../client/source.ts'
import { createFolder } from '../../download/folder.ts'
import type { Command } from '../../options/command.ts'
import { readOptions } from '../../options/declaration.ts'
import { RESOLVE } from '../../options/differences.ts'
import { type Agreed, findConflict } from '../../resolve/find-conflict.ts'
import { mergeVersions } from '../../resolve/merge-versions.ts'
import { type Resolved, readEdited } from '../../resolve/result.ts'
import { isHeld, RESULT_ID, toPlan, toPlanText } from '../../resolve/result-plan.ts'

export const resolve: Command = {
  async run(given, io) {
    const options = readOptions(RESOLVE, given)
    const name = requireName(given.operand, 'resolve')
    const { output: directory = 'resolved', edited } = options
    const isElsewhere = options.replica.length === 0
    if (options.replica.some(({ id }) => id === RESULT_ID))
      throw new UserError(
        `'${RESULT_ID}' is the id of the result, which is no replica yet; leave that replica out, or give it another id`,
      )
    return await withSource(options, io, {}, async ({ ask, directories, records }) => {
      const folder = createFolder({ directory, names: [name], replicas: directories }, io)
      requireBeside(directory, directories, io)
      const found = await findConflict(ask, name)
      if ('ids' in found) return await printNothing(name, found, io)
      if (isElsewhere && !edited) say(io, `warning: ${ELSEWHERE}; --replica names the replicas instead`)
      const task = { name, ask, folder, io }
      const resolved = edited ? await readEdited(found, task) : await mergeVersions(task)
      if (resolved === null) return 1
      const isNew = !isHeld(resolved.manifest, resolved.result.digest)
      if (isNew && isElsewhere)
        throw new UserError(
          `${name}: ${ELSEWHERE}; copy ${folder.toPath(name)} to one replica, and plan it with 'vouch plan --for PREFIX=keep:ID'`,
        )
      await print(resolved, records, io)
      if (isNew)
        say(io, `no replica holds the result yet: give apply --replica ${RESULT_ID}=${directory} too`)
      return 0
    })
  },
}

const ELSEWHERE =
  'a coordinator elsewhere cannot read the result from this machine, so only one of the versions can be planned through it'

/** Throws a UserError when a replica lies inside the directory, which would then be two replicas in one. */
function requireBeside(directory: string, directories: readonly OwnDirectory[], { cwd }: Io): void {
  const own = [{ id: RESULT_ID, path: toAbsolute(cwd, directory) }]
  const inside = directories.find(({ path }) => findHolder(path, own) !== undefined)
  if (inside !== undefined)
    throw new UserError(
      `the replica ${inside.id} is inside '${directory}', where the result would be; -o names another directory`,
    )
}

/** Reports copies that do not differ; the plan has no step, so that `apply` takes it. */
async function printNothing(name: string, { agreement, ids }: Agreed, io: Io): Promise<number> {
  const advice = agreement === 'incomplete' ? "; 'vouch plan' copies it to where it is missing" : ''
  say(io, `${name}: ${agreement}: nothing to resolve${advice}`)
  await writeOut(io, toPlanText({ vouch: 'plan', version: 1, replicas: [...ids], steps: [] }, new Date()))
  return 0
}

async function print({ manifest, result }: Resolved, records: ReadonlySet<string>, io: Io): Promise<void> {
  const plan = toPlan(manifest, result, records)
  await writeOut(io, toPlanText(plan, new Date()))
  const bytes = formatSize(plan.steps.length * result.size)
  say(io, `${formatCount(plan.steps.length, 'step', 'steps')}, ${bytes} to be written`)
}
