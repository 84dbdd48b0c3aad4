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

function parseGlob(text: string): string[] {
  const below = text.endsWith('/') ? `${text}**/*` : text
  const path = below.replace(/^\//, '')
  return path.includes('/') || path !== below ? path.split('/') : ['**', path]
}

function isMatch(segments: readonly string[], glob: readonly string[]): boolean {
  return matchRuns(segments, glob, (segment, pattern) => matchSegment(segment, pattern), '**')
}

function matchSegment(segment: string, pattern: string): boolean {
  return matchRuns([...segment], [...pattern], (a, b) => b === '?' || a === b, '*')
}

/**
 * Whether `items` match `patterns` one by one, where `any` stands for any number of items. Only the last `any` is ever
 * tried anew: what an earlier one took more, the last could have taken as well.
 */
function matchRuns(
  items: readonly string[],
  patterns: readonly string[],
  isOne: (item: string, pattern: string) => boolean,
  any: string,
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
