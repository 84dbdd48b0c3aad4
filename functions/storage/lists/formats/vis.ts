/** What one letter after a backslash means (vis(3), VIS_CSTYLE). */
const LETTERS: Readonly<Record<string, number>> = {
  ...{ n: 0x0a, r: 0x0d, b: 0x08, a: 0x07, v: 0x0b, t: 0x09, f: 0x0c, s: 0x20, E: 0x1b },
  ...{ '\\': 0x5c, '#': 0x23 },
}

/** `\M-C`, `\M^?`, `\^?`, `\M\040`, `\040`, `\x20`, or one letter; `0` is one octal digit. */
const ESCAPE =
  /^\\(?:M-([!-~])|M\^([?-_])|\^([?-_])|([0-3][0-7]{2}|[0-7]{1,2})|x([0-9a-f]{2})|([nrbavtfsE\\#]))/

/** The bytes of a word that vis(3) encoded, as mtree does; null for an escape that it does not write. */
export function decodeVis(word: string): Uint8Array | null {
  const bytes: number[] = []
  for (let at = 0; at < word.length; ) {
    if (word[at] !== '\\') {
      bytes.push(word.charCodeAt(at++))
      continue
    }
    const [whole, meta, metaControl, control, octal, hex, letter] = ESCAPE.exec(word.slice(at, at + 5)) ?? []
    if (whole === undefined) return null
    bytes.push(toByte({ meta, metaControl, control, octal, hex, letter }))
    at += whole.length
  }
  return Uint8Array.from(bytes)
}

function toByte(found: Readonly<Record<string, string | undefined>>): number {
  const { meta, metaControl, control, octal, hex, letter } = found
  if (meta !== undefined) return meta.charCodeAt(0) | 0x80
  if (metaControl !== undefined) return toControl(metaControl) | 0x80
  if (control !== undefined) return toControl(control)
  if (octal !== undefined) return Number.parseInt(octal, 8)
  if (hex !== undefined) return Number.parseInt(hex, 16)
  return LETTERS[letter ?? ''] ?? 0
}

function toControl(letter: string): number {
  return letter === '?' ? 0x7f : letter.charCodeAt(0) & 0x1f
}
