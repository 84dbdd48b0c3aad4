import type { Digest } from '../../functions/wire/digest.ts'
import { toVersionHref } from '../../functions/wire/routes.ts'
import { Refusal } from '../node/refusal.ts'
import { type Ask, catchBroken, readProblem, toLine } from './ask.ts'

/** Where two contents begin to differ. */
export interface Difference {
  /** Bytes that are alike. */
  readonly offset: number
  /** From 1, when what is alike is text. */
  readonly line?: number | undefined
  /** Which of the two, 0 or 1, the other begins with, if one does. */
  readonly prefix?: 0 | 1 | undefined
}

/**
 * Where two versions of a name begin to differ, read side by side, no further than that, and a chunk of each at a time.
 * Null when they are alike: one was replaced while it was read.
 */
export async function findDifference(
  ask: Ask,
  name: string,
  [a, b]: readonly [Digest, Digest],
): Promise<Difference | null> {
  const sides = [openSide(ask, name, a), openSide(ask, name, b)] as const
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let offset = 0
  let line: number | undefined = 1
  try {
    for (;;) {
      const [x, y] = await Promise.all(sides.map((side) => side.peek()))
      if (x === undefined || y === undefined) {
        if (x === y) return null
        return { offset, line, prefix: x === undefined ? 0 : 1 }
      }
      const alike = countAlike(x, y)
      line = line && countLines(decoder, x.subarray(0, alike), line)
      offset += alike
      if (alike < Math.min(x.length, y.length)) return { offset, line }
      for (const side of sides) side.skip(alike)
    }
  } finally {
    await Promise.all(sides.map((side) => side.close()))
  }
}

/** One content, as it comes. */
function openSide(ask: Ask, name: string, digest: Digest) {
  const chunks = readVersion(ask, name, digest)
  let left: Uint8Array | undefined
  return {
    /** What comes next; undefined at the end. */
    async peek(): Promise<Uint8Array | undefined> {
      while (left === undefined || left.length === 0) {
        const { done, value } = await chunks.next()
        if (done) return undefined
        left = value
      }
      return left
    },
    skip(bytes: number): void {
      left = left?.subarray(bytes)
    },
    close: () => chunks.return(undefined),
  }
}

/** The bytes of one version, from any of its holders; who stops early frees it. */
export async function* readVersion(ask: Ask, name: string, digest: Digest): AsyncGenerator<Uint8Array> {
  const response = await ask(toVersionHref(name, digest))
  if (response.status !== 200) throw new Refusal(`${name}: ${toLine(await readProblem(response))}`)
  if (response.body !== null) yield* catchBroken(response.body)
}

function countAlike(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  if (Buffer.compare(a.subarray(0, length), b.subarray(0, length)) === 0) return length
  let i = 0
  while (a[i] === b[i]) i++
  return i
}

/** The line that `bytes` end in, which begin in `line`; undefined when they are no text. */
function countLines(decoder: TextDecoder, bytes: Uint8Array, line: number): number | undefined {
  try {
    decoder.decode(bytes, { stream: true })
  } catch {
    return undefined
  }
  let lines = line
  for (let i = bytes.indexOf(10); i >= 0; i = bytes.indexOf(10, i + 1)) lines++
  return bytes.includes(0) ? undefined : lines
}
