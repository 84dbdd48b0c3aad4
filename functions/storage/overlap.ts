import { attempt } from '../wire/attempt.ts'

/** Where the files of one replica are stored, as texts that are equal only for equal places. */
export interface Places {
  /** The place itself, by one or more of its names. */
  readonly self: readonly string[]
  /** The places that contain this one. */
  readonly above: readonly string[]
}

export interface Located {
  readonly id: string
  readonly places: Places
}

/** Two replicas in one place, or of which `inner` is inside `outer`. */
interface Overlap {
  readonly outer: string
  readonly inner: string
  readonly isSame: boolean
}

/** The first two replicas in one place, or one inside the other; null when there are none. */
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

/** A message about an overlap: what is wrong, and what to do. */
export function formatOverlap({ outer, inner, isSame }: Overlap): string {
  return isSame
    ? `${outer} and ${inner} are the same place, and comparing it with itself shows nothing; give one of them another place`
    : `${inner} is inside ${outer}, so its files would be compared with those around them; give them separate places`
}

/** The places of a store whose folders are parts of a key: `path` below `base`, '' or ending in a slash. */
export function toStorePlaces(base: string, path: string): Places {
  const ends = [...path.matchAll(/\//g)].map(({ index }) => index + 1)
  const [self = base, ...above] = [0, ...ends].map((end) => `${base}/${path.slice(0, end)}`).reverse()
  return { self: [self], above }
}

/** The places of a web server's directory: its normalized URL. */
export function toWebPlaces(url: string): Places {
  const { origin, path } = toPlain(url)
  return toStorePlaces(`static ${origin}`, path === '' ? '' : `${path}/`)
}

/** The place of a replica server: its normalized URL. */
export function toServerPlaces(url: string): Places {
  const { origin, path } = toPlain(url)
  return { self: [`${origin}/${path}`], above: [] }
}

/** Host and port as the URL standard writes them; each segment of the path decoded and encoded again. */
function toPlain(url: string): { origin: string; path: string } {
  const { origin, pathname } = new URL(url)
  const path = pathname.replace(/^\/+|\/+$/g, '')
  const encoded = attempt(() => path.split('/').map(decodeURIComponent).map(encodeURIComponent).join('/'))
  return { origin, path: encoded ?? path }
}
