import { createMarks } from '../../../functions/coordinator/audit/marks.ts'
import type { Mark } from '../../../functions/wire/schemas/audit.ts'
import { status } from '../../../functions/wire/schemas/ledger.ts'
import type { Io } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import { readAnswer } from '../client/coordinator-client.ts'
import { readListing } from '../client/names.ts'
import type { Source } from '../client/source.ts'
import { FILE_BYTES } from '../limits.ts'
import { readResult } from './result-file.ts'

interface SplitOptions {
  readonly prefix: string
  /** The output of an earlier check. */
  readonly split: string | undefined
  /** Whether bytes are read, which then are most of the work. */
  readonly isDeep: boolean
}

/**
 * The names at which a check is split into parts of equal work, in byte order, one fewer than parts: as an
 * earlier output says, else the last audit of all names, else by listing all names. Everyone who asks the
 * same gets the same. Throws a UserError when there are too few names.
 */
export async function findEnds(
  { ask }: Pick<Source, 'ask'>,
  parts: number,
  options: SplitOptions,
  io: Pick<Io, 'cwd' | 'signal'>,
): Promise<readonly string[]> {
  const { prefix, split } = options
  const choose = (marks: readonly Mark[]) => chooseEnds(marks, parts, options)
  if (split !== undefined) {
    const ends = choose((await readResult(split, io)).marks ?? [])
    if (ends !== null) return ends
    throw new UserError(
      `'${split}' has too few places to split at for ${parts} parts; leave out --split, or take the output of a check of more names`,
    )
  }
  const ends = choose(await readLastMarks(ask)) ?? choose(await listMarks(ask, prefix))
  if (ends !== null) return ends
  throw new UserError(`there are too few names for ${parts} parts; ask for fewer`)
}

/** Null when there are fewer names to split at than needed. */
export function chooseEnds(
  marks: readonly Mark[],
  parts: number,
  { prefix, isDeep }: Pick<SplitOptions, 'prefix' | 'isDeep'>,
): readonly string[] | null {
  const within = marks.filter(({ name }) => name.startsWith(prefix))
  const toWork = ({ names, bytes }: Mark) => (isDeep ? names * FILE_BYTES + bytes : names)
  const all = within.reduce((sum, mark) => sum + toWork(mark), 0)
  const ends: string[] = []
  let done = 0
  for (const [i, mark] of within.entries()) {
    done += toWork(mark)
    const isNeeded = within.length - i === parts - 1 - ends.length
    // The nearest one to where the part should end.
    const after = within[i + 1]
    const isDue = (done + (after === undefined ? 0 : toWork(after) / 2)) * parts >= all * (ends.length + 1)
    if (ends.length < parts - 1 && (isDue || isNeeded)) ends.push(mark.name)
  }
  return ends.length === parts - 1 ? ends : null
}

/** The marks of the last audit of all names; none where nothing keeps a record. */
async function readLastMarks(ask: Source['ask']): Promise<readonly Mark[]> {
  const response = await ask('/status')
  if (response.status === 200) return (await readAnswer(response, status)).last?.summary?.marks ?? []
  await response.body?.cancel()
  return []
}

/** The marks of all names, by listing them. */
async function listMarks(ask: Source['ask'], prefix: string): Promise<readonly Mark[]> {
  const marks = createMarks(1)
  for await (const page of readListing(ask, prefix)) {
    const failed = page.replicas.find(({ state }) => state === 'error')
    if (failed !== undefined)
      throw new UserError(
        `cannot find out where to split: ${failed.id} cannot be listed (${failed.detail}); name the output of an earlier check with --split`,
      )
    for (const { name, copies } of page.entries) {
      marks.add(name, { names: 1, bytes: copies.reduce((sum, { size }) => sum + (size ?? 0), 0) })
    }
  }
  return marks.get()
}
