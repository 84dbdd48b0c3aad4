/** Where the files of one replica lie, in words that are equal for equal places only. */
export interface Places {
  /** Each names the place itself. */
  readonly self: readonly string[]
  /** Each names a place that this one lies inside. */
  readonly above: readonly string[]
}

/** The places of a replica. */
export interface Located {
  /** The replica's. */
  readonly id: string
  readonly places: Places
}

/** Two replicas that are one place, or of which `inner` lies inside `outer`. */
export interface Overlap {
  readonly outer: string
  readonly inner: string
  readonly isSame: boolean
}

/** The first two replicas whose files are the same, or of which one holds the other's; null when each lies apart. */
export function findOverlap(located: readonly Located[]): Overlap | null {
  for (const [i, one] of located.entries()) {
    for (const other of located.slice(0, i)) {
      const overlap = toOverlap(other, one) ?? toOverlap(one, other)
      if (overlap !== null) return overlap
    }
  }
  return null
}

function toOverlap(outer: Located, inner: Located): Overlap | null {
  const isSame = outer.places.self.some((place) => inner.places.self.includes(place))
  const isInside = outer.places.self.some((place) => inner.places.above.includes(place))
  return isSame || isInside ? { outer: outer.id, inner: inner.id, isSame } : null
}

/** What is wrong with an overlap and what would be right, in one line for people. */
export function toOverlapText({ outer, inner, isSame }: Overlap): string {
  return isSame
    ? `${outer} and ${inner} are the same place, which compared with itself shows nothing; name another place for one of them`
    : `${inner} lies inside ${outer}: its files would be compared with those around them; name places that lie apart`
}

/** The places of a store whose folders are parts of a key: `base` and, below it, `path`, '' or with a slash at its end. */
export function toStorePlaces(base: string, path: string): Places {
  const ends = [...path.matchAll(/\//g)].map(({ index }) => index + 1)
  const [self = base, ...above] = [0, ...ends].map((end) => `${base}/${path.slice(0, end)}`).reverse()
  return { self: [self], above }
}

/** The places of a web server's directory: a URL, by what it leads to rather than how it is spelled. */
export function toWebPlaces(url: string): Places {
  const { origin, path } = toPlain(url)
  return toStorePlaces(`static ${origin}`, path === '' ? '' : `${path}/`)
}

/** The place of a replica server, as far as its URL says. */
export function toServerPlaces(url: string): Places {
  const { origin, path } = toPlain(url)
  return { self: [`${origin}/${path}`], above: [] }
}

/** Host and port as the URL standard writes them; each segment of the path decoded and encoded again. */
function toPlain(url: string): { origin: string; path: string } {
  const { origin, pathname } = new URL(url)
  const path = pathname.replace(/^\/+|\/+$/g, '')
  try {
    return { origin, path: path.split('/').map(decodeURIComponent).map(encodeURIComponent).join('/') }
  } catch {
    return { origin, path }
  }
}
