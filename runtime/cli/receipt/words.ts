import type { Signed } from '../../../functions/proof/note.ts'
import { toLocalTime } from '../terminal/times.ts'

/** Who signed, and how it knows what it signed: `nas (key 1a2b3c4d): the bytes were read at …`. */
export function toSignedWords({ origin, keyId, basis, time, of }: Signed, isTree: boolean): string {
  const words = isTree ? OF_TREE : OF_FILE
  const said = `${words[basis]} ${toLocalTime(new Date(time * 1000).toISOString())}`
  const signer = `${origin} (key ${keyId})`
  return of === undefined ? `${signer}: ${said}` : `${signer}, for ${of}, which has no key: ${said}`
}

/** In front of a time. */
const OF_FILE = {
  read: 'the bytes were read at',
  stored: 'the store has this checksum, and nobody read the bytes, at',
  recorded: 'a list has this checksum, without the bytes, at',
  seen: 'this text was there at',
} as const

const OF_TREE = {
  ...OF_FILE,
  read: 'all bytes were read, none of them before',
  stored: 'the store has checksums of some that nobody read, at',
  recorded: 'a list has the checksums, without the bytes, at',
} as const
