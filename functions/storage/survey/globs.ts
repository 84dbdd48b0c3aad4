import type { Survey } from './survey.ts'

/** Whether a name is selected. */
export type Select = (name: string) => boolean

/**
 * Selects the names that a glob of `match` matches (all names without one) and that no glob of `exclude`
 * matches. In a glob, `?` matches one character other than a slash, `*` any number of them, and `**` any
 * number of any characters; as a whole segment, `**` matches any number of segments, or none. Other
 * characters match themselves. A glob without a slash may begin at any segment, so without `**` it is matched
 * against the last; any other begins at the root. A glob that ends in a slash matches everything below.
 *
 * Whatever clients' globs contain, matching takes time in proportion to the name's length times theirs.
 */
export function createSelect({ match, exclude }: Pick<Survey, 'match' | 'exclude'>): Select {
  const wanted = match.length > 0 ? createAutomaton(match.map(parseGlob)) : () => true
  if (exclude.length === 0) return wanted
  const unwanted = createAutomaton(exclude.map(parseGlob))
  return (name) => !unwanted(name) && wanted(name)
}

/** Whether no name below a directory, whose name has no slash at its end, can be selected. */
export function createPrune({ exclude }: Pick<Survey, 'exclude'>): Select {
  const all = exclude.flatMap((glob) => {
    const [, above] = /^(.+?)\/(\*\*)?$/s.exec(glob) ?? []
    return above === undefined ? [] : [parsePath(above.replace(/^\//, ''))]
  })
  const isBelow = createAutomaton(all)
  return (name) => all.length > 0 && isBelow(name)
}

/** A whole segment that matches any number of segments. */
const ANY_SEGMENTS = '**'

function parseGlob(text: string): Pattern {
  const below = text.endsWith('/') ? `${text}**/*` : text
  const path = below.replace(/^\//, '')
  // An empty glob matches only an empty name, which no file has.
  if (path.includes('/') || path !== below || path === '') return parsePath(path)
  return parsePath(`${ANY_SEGMENTS}/${path}`)
}

function parsePath(path: string): Pattern {
  const segments = path.split('/')
  const tokens: Token[] = []
  // Two of them in a row match as one does.
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

/** The tokens that match other than one given character. */
const STAR = {
  /** One character but a slash. */
  one: Symbol('?'),
  /** Any number of characters but slashes. */
  withinSegment: Symbol('*'),
  /** Any number of characters. */
  characters: Symbol('**'),
  /** Nothing, or any number of characters and then a slash. */
  segments: Symbol('**/'),
} as const

/** A character (a code point), or one of `STAR`. */
export type Token = string | symbol

interface Pattern {
  /** No two of `STAR.withinSegment` and `STAR.characters` follow one another. */
  readonly tokens: readonly Token[]
  /** Whether it also matches everything below what its tokens match. */
  readonly isOpen: boolean
}

/**
 * All patterns as one automaton that is in any number of states at once, a bit each (Baeza-Yates and Gonnet,
 * "A new approach to text searching", 1992): in state `i` all tokens before token `i` have matched. A
 * character moves all states at once, so nothing takes more than the product of both lengths over 32.
 */
function createAutomaton(patterns: readonly Pattern[]): Select {
  const states = new States()
  for (const { tokens, isOpen } of patterns) states.add(tokens, isOpen)
  return createRun(states.toTables())
}

/** The sets of states, as lists of their numbers, while an automaton is made. */
class States {
  #count = 0
  readonly #starts: number[] = []
  readonly #accepting: number[] = []
  /** States that any character but a slash, or any character, does not change. */
  readonly #staying: number[] = []
  readonly #stayingAlways: number[] = []
  /** States in which the next one, or the one after that, is entered with no character at all. */
  readonly #skipping: number[] = []
  readonly #skippingTwo: number[] = []
  /** States that any character but a slash moves on, and those that this one character does. */
  readonly #movedByAny: number[] = []
  readonly #moved = new Map<string, number[]>([['/', []]])

  add(tokens: readonly Token[], isOpen: boolean): void {
    this.#starts.push(this.#count)
    for (const token of tokens) this.#addToken(token)
    this.#accepting.push(this.#count)
    if (!isOpen) {
      this.#count++
      return
    }
    for (const token of ['/', STAR.characters]) this.#addToken(token)
    this.#accepting.push(this.#count++)
  }

  #addToken(token: Token): void {
    const state = this.#count++
    if (token === STAR.one) this.#movedByAny.push(state)
    else if (token === STAR.withinSegment) this.#addStar(state, this.#staying)
    else if (token === STAR.characters) this.#addStar(state, this.#stayingAlways)
    else if (token === STAR.segments) this.#addSegments(state)
    else if (typeof token === 'string') this.#addMove(token, state)
  }

  #addStar(state: number, staying: number[]): void {
    staying.push(state)
    this.#skipping.push(state)
  }

  /** From here on either nothing is passed over, or all in the next state, which a slash may end. */
  #addSegments(state: number): void {
    this.#skipping.push(state)
    this.#skippingTwo.push(state)
    this.#stayingAlways.push(state + 1)
    this.#addMove('/', state + 1)
    this.#count++
  }

  #addMove(character: string, state: number): void {
    const moved = this.#moved.get(character) ?? []
    this.#moved.set(character, moved)
    moved.push(state)
  }

  /** The sets of states, a bit each; `moves` by code point. */
  toTables() {
    const words = Math.ceil(this.#count / 32) || 1
    const toBits = (...lists: readonly (readonly number[])[]) => {
      const bits = new Int32Array(words)
      for (const state of lists.flat()) bits[state >>> 5] = (bits[state >>> 5] ?? 0) | (1 << (state & 31))
      return bits
    }
    const moves = new Map<number, Int32Array>()
    for (const [character, states] of this.#moved) {
      const isSlash = character === '/'
      moves.set(character.codePointAt(0) ?? 0, toBits(states, isSlash ? [] : this.#movedByAny))
    }
    return {
      words,
      start: toBits(this.#starts),
      accepting: toBits(this.#accepting),
      staying: toBits(this.#staying, this.#stayingAlways),
      stayingAtSlash: toBits(this.#stayingAlways),
      skipping: toBits(this.#skipping),
      skippingTwo: toBits(this.#skippingTwo),
      moves,
      movedByOthers: toBits(this.#movedByAny),
    }
  }
}

const SLASH = 0x2f

function createRun(tables: ReturnType<States['toTables']>): Select {
  const { words, start, accepting, skipping, skippingTwo, moves, movedByOthers } = tables
  const states = new Int32Array(words)
  const none = new Int32Array(words)

  /** Moves all states by one character, and enters those that take none; whether any is left. */
  function move(moving: Int32Array, stay: Int32Array, entered: Int32Array): boolean {
    let carried = 0
    let any = 0
    for (let i = 0; i < words; i++) {
      const now = states[i] ?? 0
      const moved = now & (moving[i] ?? 0)
      let next = (now & (stay[i] ?? 0)) | (moved << 1) | carried | (entered[i] ?? 0)
      carried = moved >>> 31
      const skip = skipping[i] ?? 0
      const skipTwo = skippingTwo[i] ?? 0
      // At most two such states follow one another: segments, then a star.
      for (let pass = 0; pass < 2; pass++) {
        const one = next & skip
        const two = next & skipTwo
        if ((one | two) === 0) break
        next |= (one << 1) | (two << 2)
        carried |= (one >>> 31) | (two >>> 30)
      }
      states[i] = next
      any |= next
    }
    return any !== 0
  }

  return (text) => {
    states.fill(0)
    move(none, none, start)
    for (let i = 0; i < text.length; i++) {
      const point = text.codePointAt(i) ?? 0
      if (point > 0xffff) i++
      const isSlash = point === SLASH
      if (!move(moves.get(point) ?? movedByOthers, isSlash ? tables.stayingAtSlash : tables.staying, none))
        return false
    }
    return states.some((word, i) => (word & (accepting[i] ?? 0)) !== 0)
  }
}
