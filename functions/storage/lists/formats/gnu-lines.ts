import type { Digest } from '../../../wire/digest.ts'

/** A line as sha256sum writes it. */
export function toGnuLine(name: string, digest: Digest): string {
  return toEscaped(name, (path) => `${digest}  ${path}`)
}

/** A line as `sha256sum --tag` writes it. */
export function toTagLine(name: string, digest: Digest): string {
  return toEscaped(name, (path) => `SHA256 (${path}) = ${digest}`)
}

/**
 * A line of GNU coreutils, with a backslash in front where the name is escaped. Its reader, and that of
 * Perl's shasum, takes a lone `-` for standard input.
 */
function toEscaped(name: string, toLine: (path: string) => string): string {
  const path = name.replace(/[\r\n]/g, (c) => (c === '\n' ? '\\n' : '\\r'))
  const line = toLine(path === '-' ? './-' : path)
  return path === name ? `${line}\n` : `\\${line}\n`
}
