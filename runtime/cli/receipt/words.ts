import type { Signed } from '../../../functions/proof/note.ts'
import { toLocalTime } from '../terminal/times.ts'

/** Who signed, and what of: `nas (key 1a2b3c4d): read its bytes at …`. */
export function toSignedWords({ origin, keyId, basis, time, of }: Signed): string {
  const at = toLocalTime(new Date(time * 1000).toISOString())
  const signer = `${origin} (key ${keyId})`
  if (basis === 'seen') return `${signer}: it was there at ${at}`
  const said = WORDS[basis]
  return of === undefined
    ? `${signer}: ${said} at ${at}`
    : `${signer}, for ${of}, which has no key: ${said} at ${at}`
}

const WORDS = {
  read: 'the bytes were read',
  stored: "the store's own checksum, unread,",
  recorded: 'a list, without the bytes,',
} as const
