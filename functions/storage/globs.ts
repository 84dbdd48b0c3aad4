/** Whether a name is one of those wanted. */
export type Select = (name: string) => boolean

/**
 * What globs select: names that one of `match` matches (all names when there is none) and none of `exclude`. In a glob
 * `?` stands for one character but a slash, `*` for any number of them, `**` for any number of whole segments; the
 * rest for itself. A glob without a slash is matched against the last segment, one that ends in a slash takes in all
 * that lies below. Matching takes time in proportion to the product of the lengths at most: globs come from clients, and
 * a regular expression made of one could be kept busy for ever.
 */
export function createSelect({
  match,
  exclude,
}: {
  readonly match: readonly string[]
  readonly exclude: readonly string[]
}): Select {
  if (match.length + exclude.length === 0) return () => true
  const [wanted, unwanted] = [match.map(parseGlob), exclude.map(parseGlob)]
  return (name) => {
    const segments = name.split('/')
    if (unwanted.some((glob) => isMatch(segments, glob))) return false
    return wanted.length === 0 || wanted.some((glob) => isMatch(segments, glob))
  }
}

/** Whether nothing below a directory can be wanted, its name without a slash at its end. */
export function createPrune({ exclude }: { readonly exclude: readonly string[] }): Select {
  const all = exclude.flatMap((glob) => {
    const [, above] = /^(.+?)\/(\*\*)?$/s.exec(glob) ?? []
    return above === undefined ? [] : [toPatterns(above.replace(/^\//, '').split('/'))]
  })
  return (name) => all.some((patterns) => isMatch(name.split('/'), patterns))
}

/** A glob's segments: any number of them, or one by its characters. */
type Patterns = readonly (typeof ANY_SEGMENTS | readonly string[])[]

const ANY_SEGMENTS = '**'

function parseGlob(text: string): Patterns {
  const below = text.endsWith('/') ? `${text}**/*` : text
  const path = below.replace(/^\//, '')
  return toPatterns(path.includes('/') || path !== below ? path.split('/') : [ANY_SEGMENTS, path])
}

function toPatterns(segments: readonly string[]): Patterns {
  return segments.map((segment) => (segment === ANY_SEGMENTS ? ANY_SEGMENTS : [...segment]))
}

function isMatch(segments: readonly string[], patterns: Patterns): boolean {
  const isOne = (segment: string, pattern: Patterns[number]) =>
    pattern !== ANY_SEGMENTS && matchRuns([...segment], pattern, (a, b) => b === '?' || a === b, '*')
  return matchRuns(segments, patterns, isOne, ANY_SEGMENTS)
}

/**
 * Whether `items` match `patterns` one by one, where `any` stands for any number of items. Only the last `any` is ever
 * tried anew: what an earlier one took more, the last could have taken as well.
 */
function matchRuns<T>(
  items: readonly string[],
  patterns: readonly T[],
  isOne: (item: string, pattern: T) => boolean,
  any: T,
): boolean {
  let item = 0
  let pattern = 0
  let retryItem = 0
  let retryPattern = 0
  while (item < items.length) {
    const wanted = patterns[pattern]
    if (wanted === any) {
      retryItem = item
      retryPattern = ++pattern
    } else if (wanted !== undefined && isOne(items[item] ?? '', wanted)) {
      item++
      pattern++
    } else if (retryPattern === 0) return false
    else {
      item = ++retryItem
      pattern = retryPattern
    }
  }
  while (patterns[pattern] === any) pattern++
  return pattern === patterns.length
}
