import type { Manifest } from './schemas.ts'

/** What an audit found of each copy of a name, for people: `a = b: 2d711642b726`, `missing on c`. */
export function toFindingWords(
  { versions, replicas }: Pick<Manifest, 'versions' | 'replicas'>,
  formatTime: (time: string) => string,
): string[] {
  const holders = versions.map(({ digest, replicas }) => `${replicas.join(' = ')}: ${digest.slice(0, 12)}`)
  const others = replicas.flatMap(({ id, state, error, rottedFrom, goodAt }) => {
    if (rottedFrom !== undefined)
      return `${id}: corrupt, was ${rottedFrom.slice(0, 12)}${goodAt === undefined ? '' : ` when it was read ${formatTime(goodAt)}`}`
    if (state === 'missing') return `missing on ${id}`
    return state === 'error' || state === 'corrupt' ? `${id}: ${error ?? state}` : []
  })
  return [...holders, ...others]
}
