import { isFacts } from '../../storage/facts.ts'
import { compareNames, parseName } from '../../storage/names.ts'
import { gather } from '../ask/gather.ts'
import type { AskOptions } from '../ask/member.ts'
import { type Comparison, compare } from '../compare/compare.ts'
import type { CoordinatorContext } from '../context.ts'
import { readFolder } from '../directory/folder.ts'
import type { Entry } from './multistatus.ts'

// Beside a file whose copies differ, WebDAV shows each copy under the name of the file, a dot, and the id of
// its replica: `notes.txt.server1`. What really has that name goes before.

/** A copy that is shown beside a conflict. */
interface Beside {
  /** The file whose copies differ. */
  readonly name: string
  /** The replica that holds the copy. */
  readonly id: string
  readonly comparison: Comparison
}

/** The name under which a replica's copy is shown. */
export function toBesideName(name: string, id: string): string {
  return `${name}.${id}`
}

/**
 * The copy that `beside` is the name of; null when it names none. Every replica has said that it has no file
 * of this name. The shortest file name counts, since a replica's id may have dots.
 */
export async function findBeside(
  context: CoordinatorContext,
  beside: string,
  asker: AskOptions,
): Promise<Beside | null> {
  const { ids, members, corruptCopies } = context
  const ending = ids.filter((id) => beside.endsWith(`.${id}`)).sort((a, b) => b.length - a.length)
  for (const id of ending) {
    const name = parseName(beside.slice(0, -1 - id.length))
    if (name === null) continue
    const comparison = compare(await gather({ ...asker, members, corruptCopies, name }))
    const isHeld = comparison.answers.some((answer) => answer.id === id && isFacts(answer.said))
    if (comparison.agreement !== 'conflict' || !isHeld) continue
    return (await isFolder(context, beside, asker)) ? null : { name, id, comparison }
  }
  return null
}

/** Whether some replica has a folder of this name, or may have. */
async function isFolder(context: CoordinatorContext, name: string, { getSignal }: AskOptions) {
  const options = { folder: `${name}/`, after: '', limit: 1, isFull: true, signal: getSignal?.() }
  const { rows, replicas } = await readFolder(context, options)
  return rows.length > 0 || replicas.some(({ state }) => state === 'error')
}

/** The copies to be shown beside conflicts, while the rows of a folder are read in order. */
export interface Besides {
  /** Adds a copy beside the last row. One whose name another one has already is dropped. */
  add(entry: Entry): void
  /**
   * Takes those whose name no later row than this one can have, which are then shown, and drops one that has
   * the name of this row; at the end, of null, takes all. Few are kept: the last row begins with their files.
   */
  take(row: string | null): Entry[]
}

export function createBesides(): Besides {
  const kept = new Map<string, Entry>()
  return {
    add(entry) {
      if (!kept.has(entry.name)) kept.set(entry.name, entry)
    },
    take(row) {
      if (row !== null) kept.delete(row.endsWith('/') ? row.slice(0, -1) : row)
      // A folder of that name comes after the file, with a slash at its end.
      const sure = [...kept.values()].filter(({ name }) => row === null || compareNames(`${name}/`, row) < 0)
      for (const { name } of sure) kept.delete(name)
      return sure
    },
  }
}
