import { LRUCache } from 'lru-cache'
import type { Facts } from '../storage/facts.ts'
import { MAX_KEPT_SIGNATURES } from '../wire/limits.ts'
import type { Signature } from '../wire/schemas/replica.ts'
import { parsePublicKey } from './keys.ts'
import { formatNote, NoteError, verifyNote } from './note.ts'
import { toStatement } from './sign-facts.ts'
import type { Statement } from './statement.ts'

/**
 * Whether a replica has signed `text` for itself, by the key that it shows; with `facts`, as known in the way
 * that they say.
 */
export type CheckSignature = (signature: Signature, text: string, facts?: Facts) => Promise<boolean>

/** Creates a function that remembers the last good signatures: verifying one costs more than a read. */
export function createCheckSignature(): CheckSignature {
  // Most coordinators never check one, and room for them all is made at once.
  let good: LRUCache<string, Statement> | undefined

  return async (signature, text, facts) => {
    const { key, line } = signature
    const slot = `${key}\n${line}\n${text}`
    good ??= new LRUCache({ max: MAX_KEPT_SIGNATURES })
    const statement = good.get(slot) ?? (await readStatement(signature, text))
    if (statement === null) return false
    good.set(slot, statement)
    if (statement.of !== undefined || statement.basis === 'seen') return false
    return facts === undefined || statement.basis === toStatement(facts, 0)?.basis
  }
}

async function readStatement({ key, line }: Signature, text: string): Promise<Statement | null> {
  const own = await parsePublicKey(key)
  if (own === null) return null
  try {
    const { signed } = await verifyNote(formatNote(text, [line]), [own])
    return signed[0] ?? null
  } catch (error) {
    if (error instanceof NoteError) return null
    throw error
  }
}
