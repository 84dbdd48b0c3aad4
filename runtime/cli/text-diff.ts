import { createTwoFilesPatch } from 'diff'
import type { Digest } from '../../functions/wire/digest.ts'
import type { Ask } from './ask.ts'
import { readVersion } from './difference.ts'
import { printable } from './io.ts'
import { MAX_DIFF_BYTES, MAX_DIFF_MS } from './limits.ts'

/** A version that may be a text. */
export interface Side {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  readonly holders: readonly string[]
}

/**
 * How one version of a name becomes the other, as a unified diff that leaves a terminal alone; null when they are no
 * texts, too large, or too different to tell in a while.
 */
export async function diffTexts(
  ask: Ask,
  name: string,
  [a, b]: readonly [Side, Side],
): Promise<string | null> {
  if (Math.max(a.size, b.size) > MAX_DIFF_BYTES) return null
  const [before, after] = await Promise.all([a, b].map(({ digest }) => readText(ask, name, digest)))
  if (typeof before !== 'string' || typeof after !== 'string') return null
  const [from, to] = [a, b].map(({ holders }) => `${holders[0]}/${name}`)
  const patch = createTwoFilesPatch(printable(from ?? ''), printable(to ?? ''), before, after, '', '', {
    timeout: MAX_DIFF_MS,
  })
  // The first line is a ruler.
  return patch === undefined ? null : toPrintable(patch.slice(patch.indexOf('\n') + 1))
}

/** The text of a version; null when it is none. */
async function readText(ask: Ask, name: string, digest: Digest): Promise<string | null> {
  const chunks: Uint8Array[] = []
  for await (const chunk of readVersion(ask, name, digest)) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  if (bytes.includes(0)) return null
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}

/** Line ends and tabs stay as they are. */
function toPrintable(text: string): string {
  return text.replace(/[^\n\t]+/g, printable)
}
