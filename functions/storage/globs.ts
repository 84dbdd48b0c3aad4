import { type Automaton, createAutomaton, type Pattern, STAR, type Token } from './glob-automaton.ts'

/** Whether a name is one of those wanted. */
export type Select = (name: string) => boolean

/**
 * What globs select: names that one of `match` matches (all names when there is none) and none of `exclude`. In a glob
 * `?` stands for one character but a slash, `*` for any number of them, `**` for any number of characters, slashes
 * included; as a whole segment `**` stands for any number of whole segments, none included. All else stands for itself.
 * A glob without a slash may begin at any segment, so that without `**` it is matched against the last one; any other
 * begins at the root. One that ends in a slash takes in all that lies below.
 *
 * Globs come from clients: matching a name takes time in proportion to its length times the length of all globs, divided
 * by 32, whatever they are made of.
 */
export function createSelect({
  match,
  exclude,
}: {
  readonly match: readonly string[]
  readonly exclude: readonly string[]
}): Select {
  const wanted = match.length > 0 ? createAutomaton(match.map(parseGlob)) : () => true
  if (exclude.length === 0) return wanted
  const unwanted = createAutomaton(exclude.map(parseGlob))
  return (name) => !unwanted(name) && wanted(name)
}

/** Whether nothing below a directory can be wanted, its name without a slash at its end. */
export function createPrune({ exclude }: { readonly exclude: readonly string[] }): Select {
  const all = exclude.flatMap((glob) => {
    const [, above] = /^(.+?)\/(\*\*)?$/s.exec(glob) ?? []
    return above === undefined ? [] : [parsePath(above.replace(/^\//, ''))]
  })
  const isBelow: Automaton = createAutomaton(all)
  return (name) => all.length > 0 && isBelow(name)
}

/** A whole segment that stands for any number of them. */
const ANY_SEGMENTS = '**'

function parseGlob(text: string): Pattern {
  const below = text.endsWith('/') ? `${text}**/*` : text
  const path = below.replace(/^\//, '')
  // The empty one is a name's that is empty: none.
  if (path.includes('/') || path !== below || path === '') return parsePath(path)
  return parsePath(`${ANY_SEGMENTS}/${path}`)
}

/** The tokens of a glob that begins at the root. */
function parsePath(path: string): Pattern {
  const segments = path.split('/')
  const tokens: Token[] = []
  // Any number of segments, some of them: once is enough.
  const kept = segments.filter((segment, i) => segment !== ANY_SEGMENTS || segments[i - 1] !== ANY_SEGMENTS)
  const isOpen = kept.length > 1 && kept.at(-1) === ANY_SEGMENTS
  for (const [i, segment] of kept.slice(0, isOpen ? -1 : undefined).entries()) {
    const isLast = i === kept.length - 1
    if (segment === ANY_SEGMENTS) tokens.push(isLast ? STAR.characters : STAR.segments)
    else tokens.push(...parseSegment(segment), ...(isLast || (isOpen && i === kept.length - 2) ? [] : ['/']))
  }
  return { tokens, isOpen }
}

function parseSegment(segment: string): Token[] {
  const runs = segment.match(/\*+|[^*]+/gs) ?? []
  return runs.flatMap((run) => {
    if (run === '*') return [STAR.withinSegment]
    return run.startsWith('*') ? [STAR.characters] : [...run].map((one) => (one === '?' ? STAR.one : one))
  })
}
