import type { MissingName, Sides } from '../../../functions/coordinator/compare/missing-name.ts'
import { findRenames, type Rename } from '../../../functions/coordinator/compare/renames.ts'

/** A file under two names, or several files below two folders, in each with the same names. */
export interface Renamed {
  readonly from: string
  readonly to: string
  /** In the order of their old names. */
  readonly files: readonly [Rename, ...Rename[]]
  readonly sides: Sides
}

/** The missing names in their order, but what was renamed only once, in the place of its first old name. */
export function withRenames(names: readonly MissingName[]): (MissingName | Renamed)[] {
  const renames = new Map(findRenames(names).map((rename) => [rename.from, rename]))
  const inOrder = names.flatMap((one) => renames.get(one) ?? [])
  const gathered = new Map(gatherFolders(inOrder).map((one) => [one.files[0].from, one]))
  const paired = new Set(inOrder.flatMap(({ from, to }) => [from, to]))
  return names.flatMap((one) => gathered.get(one) ?? (paired.has(one) ? [] : one))
}

/** Gathers the files that a renamed folder explains, of which nothing remained; the others come alone. */
function gatherFolders(renames: readonly Rename[]): Renamed[] {
  const groups = Map.groupBy(renames, (rename) => {
    const folders = findFolders(rename)
    // No name has a NUL.
    return folders === null ? rename : [folders.from, folders.to, ...rename.from.sides.holders].join('\0')
  })
  return [...groups.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return []
    const folders = others.length > 0 ? findFolders(first) : null
    const { from, to } = folders ?? { from: first.from.name, to: first.to.name }
    return { from, to, files: [first, ...others], sides: first.from.sides }
  })
}

/** The outermost two folders below which both names go on alike, and the first of which is gone whole. */
function findFolders({ from, to }: Rename): Pick<Renamed, 'from' | 'to'> | null {
  if (from.folder === null) return null
  const start = Math.max(from.folder.length, from.name.length - countSharedEnd(from.name, to.name))
  if (start === from.name.length) return null
  const below = from.name.length - start
  return { from: from.name.slice(0, start), to: to.name.slice(0, to.name.length - below) || './' }
}

/** The length of the parts at the end that are the same. */
function countSharedEnd(a: string, b: string): number {
  let length = 0
  while (length < a.length && a.at(-1 - length) === b.at(-1 - length)) length++
  const isWhole = [a, b].every((name) => name.length === length || name.at(-1 - length) === '/')
  return isWhole ? length : a.length - (a.indexOf('/', a.length - length) + 1 || a.length)
}
