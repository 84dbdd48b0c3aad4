/** What is not a character that stands for itself. */
export const STAR = {
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

/** A glob that begins at the root. */
export interface Pattern {
  /** No two of `STAR.withinSegment` and `STAR.characters` follow one another. */
  readonly tokens: readonly Token[]
  /** Whether it matches also what lies below what its tokens match. */
  readonly isOpen: boolean
}

/** Whether a text is matched by one of several patterns. */
export type Automaton = (text: string) => boolean

/**
 * All patterns as one automaton that is in any number of states at once, a bit each (Baeza-Yates and Gonnet, "A new
 * approach to text searching", 1992): state `i` has matched all tokens before token `i`. A character moves every state
 * at once, so no text and no pattern takes more than the product of their lengths over 32, and nothing is ever retried.
 */
export function createAutomaton(patterns: readonly Pattern[]): Automaton {
  const states = new States()
  for (const { tokens, isOpen } of patterns) states.add(tokens, isOpen)
  return states.toAutomaton()
}

/** The sets of states, as lists of their numbers, while an automaton is made. */
class States {
  #count = 0
  readonly #starts: number[] = []
  readonly #accepting: number[] = []
  /** States that any character but a slash, or any character, leaves as they are. */
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

  toAutomaton(): Automaton {
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
    return createRun({
      words,
      start: toBits(this.#starts),
      accepting: toBits(this.#accepting),
      staying: toBits(this.#staying, this.#stayingAlways),
      stayingAtSlash: toBits(this.#stayingAlways),
      skipping: toBits(this.#skipping),
      skippingTwo: toBits(this.#skippingTwo),
      moves,
      movedByOthers: toBits(this.#movedByAny),
    })
  }
}

/** Sets of states, a bit each. */
interface Tables {
  readonly words: number
  readonly start: Int32Array
  readonly accepting: Int32Array
  readonly staying: Int32Array
  readonly stayingAtSlash: Int32Array
  readonly skipping: Int32Array
  readonly skippingTwo: Int32Array
  /** By code point. */
  readonly moves: ReadonlyMap<number, Int32Array>
  readonly movedByOthers: Int32Array
}

const SLASH = 0x2f

function createRun({ words, start, accepting, skipping, skippingTwo, ...tables }: Tables): Automaton {
  const { moves, movedByOthers, staying, stayingAtSlash } = tables
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
      if (!move(moves.get(point) ?? movedByOthers, isSlash ? stayingAtSlash : staying, none)) return false
    }
    return states.some((word, i) => (word & (accepting[i] ?? 0)) !== 0)
  }
}
