import { MAX_COMPARED_PARTS } from '../../wire/limits.ts'
import type { MissingName, Sides } from './missing-name.ts'

/** A file that some replicas hold under one name, and all others under another. */
export interface Rename<T extends MissingName = MissingName> {
  /** The name on more replicas than the other; of as many, the one on the first replica. */
  readonly from: T
  readonly to: T
}

/**
 * Pairs names with the same content, of which every replica has exactly one. Of several with the same
 * content, those whose names end alike are paired first; empty files only when at least the last parts are
 * the same.
 */
export function findRenames<T extends MissingName>(names: readonly T[]): Rename<T>[] {
  const contents = Map.groupBy(names, ({ digest, size }) => `${digest} ${size}`)
  return [...contents.values()].flatMap(pairContent)
}

function pairContent<T extends MissingName>(names: readonly T[]): Rename<T>[] {
  const least = names[0]?.size === 0 ? 1 : 0
  const renames: Rename<T>[] = []
  let rest = names
  for (let parts = names.length === 2 ? least : MAX_COMPARED_PARTS; parts >= least; parts--) {
    if (rest.every(({ sides }) => sides === rest[0]?.sides)) break
    const groups = Map.groupBy(rest, ({ name }) => toEnd(name, parts))
    groups.delete(null)
    const found = [...groups.values()].flatMap(pairSides)
    renames.push(...found)
    const paired = new Set<T>(found.flatMap(({ from, to }) => [from, to]))
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
function pairSides<T extends MissingName>(names: readonly T[]): Rename<T>[] {
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
