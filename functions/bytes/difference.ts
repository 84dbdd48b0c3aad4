import { attempt } from '../wire/attempt.ts'
import { DIFFERING_BYTES } from '../wire/limits.ts'
import type { Chunks } from './chunks.ts'

/** Where two contents begin to differ. */
export interface Difference {
  /** The number of equal bytes before the difference. */
  readonly offset: number
  /** The line of the difference, from 1; null when one of them is not text, as far as it was read. */
  readonly line: number | null
  /** Which of the two is the beginning of the other; null when neither is. */
  readonly prefix: 0 | 1 | null
  /** The next bytes of each: at most `DIFFERING_BYTES`, and no more than had been read. */
  readonly next: readonly [Uint8Array, Uint8Array]
}

/** Finds where two contents begin to differ, chunk by chunk and no further; null if equal. Cancels both. */
export async function findDifference(a: Chunks, b: Chunks): Promise<Difference | null> {
  const [left, right] = [createSide(a), createSide(b)]
  let offset = 0
  let line = 1
  try {
    for (;;) {
      const [x, y] = await Promise.all([left.peek(), right.peek()])
      const isText = left.isText() && right.isText()
      if (x === null && y === null) return null
      const alike = x === null || y === null ? 0 : countAlike(x, y)
      if (x !== null && isText) line += countLines(x.subarray(0, alike))
      offset += alike
      const next = [cut(x, alike), cut(y, alike)] as const
      const found = { offset, line: isText ? line : null, next }
      if (x === null || y === null) return { ...found, prefix: x === null ? 0 : 1 }
      if (alike < Math.min(x.length, y.length)) return { ...found, prefix: null }
      left.skip(alike)
      right.skip(alike)
    }
  } finally {
    await Promise.all([a, b].map((chunks) => chunks.cancel().catch(() => {})))
  }
}

function createSide(chunks: Chunks) {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let left: Uint8Array = new Uint8Array()
  let isText = true

  return {
    /** The next bytes; null at the end. */
    async peek(): Promise<Uint8Array | null> {
      while (left.length === 0) {
        const { done, value } = await chunks.next()
        if (done) return null
        left = value
        isText &&= attempt(() => decoder.decode(value, { stream: true })) !== null && !value.includes(0)
      }
      return left
    },
    skip(bytes: number): void {
      left = left.subarray(bytes)
    },
    /** Whether all bytes so far are UTF-8 without NUL. */
    isText: () => isText,
  }
}

/** `bytes` decoded from UTF-8, a byte order mark included; null when they are not UTF-8, or contain a NUL. */
export function toText(bytes: Uint8Array): string | null {
  if (bytes.includes(0)) return null
  return attempt(() => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
}

function cut(bytes: Uint8Array | null, from: number): Uint8Array {
  return bytes?.slice(from, from + DIFFERING_BYTES) ?? new Uint8Array()
}

function countAlike(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  let i = 0
  while (i < length && a[i] === b[i]) i++
  return i
}

function countLines(bytes: Uint8Array): number {
  let lines = 0
  for (let i = bytes.indexOf(10); i >= 0; i = bytes.indexOf(10, i + 1)) lines++
  return lines
}
