import { toGnuLine, toTagLine } from '../../../functions/storage/lists/formats/gnu-lines.ts'
import type { Digest } from '../../../functions/wire/digest.ts'

/** A file that a list has. */
export interface Entry {
  /** A valid name, so without a backslash and NUL. */
  readonly name: string
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
}

/** How a list is written: its first lines, and then one entry after the other. */
export interface Format {
  readonly head: string
  /** The names that it cannot carry, and what would become of them; absent when it carries every name. */
  readonly lacks?: { readonly names: RegExp; readonly why: string }
  readonly toText: (entry: Entry) => string
}

/** Formats by the word that names each. */
export const FORMATS = {
  gnu: {
    head: '',
    toText: ({ name, digest }) => toGnuLine(name, digest),
  },
  tag: {
    head: '',
    toText: ({ name, digest }) => toTagLine(name, digest),
  },
  hashdeep: {
    head: '%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n',
    lacks: {
      names: /\n|\r$/,
      why: 'its readers take a line feed for the end of the name, and drop a carriage return there',
    },
    // The names that `hashdeep -r -l .` gives to the same files.
    toText: ({ name, digest, size }) => `${size},${digest},./${name}\n`,
  },
} as const satisfies Readonly<Record<string, Format>>

/**
 * The payload manifest of a bag (RFC 8493 §2.1.3): CR, LF and `%` are percent-encoded, and nothing else.
 * Paths are relative to the directory of the bag.
 */
export const PAYLOAD_MANIFEST: Format = {
  head: '',
  toText: ({ name, digest }) => {
    const path = name.replace(/[%\r\n]/g, (c) => (c === '%' ? '%25' : c === '\n' ? '%0A' : '%0D'))
    return `${digest}  data/${path}\n`
  },
}
