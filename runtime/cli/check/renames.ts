import { MAX_COMPARED_PARTS } from '../limits.ts'
import type { MissingName, Sides } from './missing-name.ts'

/** A file that some replicas hold under one name, and all others under another. */
export interface Rename {
  /** The name on more replicas than the other; of as many, the one on the first replica. */
  readonly from: MissingName
  readonly to: MissingName
}

/**
 * Pairs names with the same content, of which every replica has exactly one. Of several with the same content,
 * those whose names end alike are paired first; empty files only when at least the last parts are the same.
 */
function findRenames(names: readonly MissingName[]): Rename[] {
  const contents = Map.groupBy(names, ({ digest, size }) => `${digest} ${size}`)
  return [...contents.values()].flatMap(pairContent)
}

function pairContent(names: readonly MissingName[]): Rename[] {
  const least = names[0]?.size === 0 ? 1 : 0
  const renames: Rename[] = []
  let rest = names
  for (let parts = names.length === 2 ? least : MAX_COMPARED_PARTS; parts >= least; parts--) {
    if (rest.every(({ sides }) => sides === rest[0]?.sides)) break
    const groups = Map.groupBy(rest, ({ name }) => toEnd(name, parts))
    groups.delete(null)
    const found = [...groups.values()].flatMap(pairSides)
    renames.push(...found)
    const paired = new Set(found.flatMap(({ from, to }) => [from, to]))
    rest = rest.filter((one) => !paired.has(one))
  }
  return renames
}

/** The last parts of a name; null when it has fewer. */
function toEnd(name: string, parts: number): string | null {
  let start = name.length + 1
  for (let i = 0; i < parts; i++) {
    if (start === 0) return null
    start = name.lastIndexOf('/', start - 2) + 1
  }
  return name.slice(start)
}

/** Pairs the names of each sides with those of the opposite ones, in their order. */
function pairSides(names: readonly MissingName[]): Rename[] {
  const groups = Map.groupBy(names, ({ sides }) => sides)
  return [...groups].flatMap(([sides, ones]) => {
    const opposite = isOld(sides) ? [...groups.keys()].find((other) => isOpposite(sides, other)) : undefined
    const others = opposite === undefined ? [] : (groups.get(opposite) ?? [])
    return ones.flatMap((from, i) => {
      const to = others[i]
      return to === undefined ? [] : { from, to }
    })
  })
}

function isOld({ holders, lacking, mark }: Sides): boolean {
  return holders.length > lacking.length || (holders.length === lacking.length && mark === '+')
}

/** Both list the replicas in their order. */
function isOpposite(a: Sides, b: Sides): boolean {
  return a.holders.join() === b.lacking.join() && a.lacking.join() === b.holders.join()
}

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
