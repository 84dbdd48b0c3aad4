import { concatenate } from '../bytes/chunks.ts'
import { MAX_PASSED_EXAMPLE_LENGTH } from '../wire/limits.ts'

/**
 * Decodes any bytes: valid UTF-8 is decoded, and every other byte becomes a lone surrogate from U+DC80 to
 * U+DCFF (PEP 383). Different bytes become different text, and only valid UTF-8 becomes well-formed text.
 */
export function decodeBytes(bytes: Uint8Array): string {
  let text = ''
  let start = 0
  for (let at = 0; at < bytes.length; ) {
    const length = measureCharacter(bytes, at)
    at += Math.max(length, 1)
    if (length > 0) continue
    text += decoder.decode(bytes.subarray(start, at - 1)) + String.fromCharCode(0xdc00 + (bytes[at - 1] ?? 0))
    start = at
  }
  return text + decoder.decode(bytes.subarray(start))
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

/** The bytes that `decodeBytes` decoded. */
export function encodeBytes(text: string): Uint8Array<ArrayBuffer> {
  if (text.isWellFormed()) return encoder.encode(text)
  const parts = text.split(/([\udc80-\udcff])/u)
  return concatenate(
    parts.map((part, i) => (i % 2 === 0 ? encoder.encode(part) : Uint8Array.of(part.charCodeAt(0) - 0xdc00))),
  )
}

/** Whether a server may have put U+FFFD for bytes that are not UTF-8: the name cannot be asked for. */
export function isMended(name: string): boolean {
  return name.includes('\ufffd')
}

/** The text with `\xff` in place of each byte that is not UTF-8, shortened in the middle when it is long. */
export function toExample(text: string): string {
  const escaped = text.replace(
    /[\udc80-\udcff]/gu,
    (one) => `\\x${(one.charCodeAt(0) - 0xdc00).toString(16)}`,
  )
  const whole = escaped.toWellFormed()
  if (whole.length <= MAX_PASSED_EXAMPLE_LENGTH) return whole
  const half = MAX_PASSED_EXAMPLE_LENGTH / 2
  return `${whole.slice(0, half)}…${whole.slice(1 - half)}`.toWellFormed()
}

/** The length in bytes of the UTF-8 character (RFC 3629 §4) at `at`; 0 for an invalid one. */
function measureCharacter(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0
  if (lead < 0x80) return 1
  if (lead < 0xc2 || lead > 0xf4) return 0
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  const second = bytes[at + 1] ?? 0
  if (second < least || second > most) return 0
  for (let i = at + 2; i < at + length; i++) if (((bytes[i] ?? 0) & 0xc0) !== 0x80) return 0
  return length
}
