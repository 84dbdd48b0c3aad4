import { LRUCache } from 'lru-cache'
import type { Facts } from '../storage/facts.ts'
import { isDigest } from '../wire/digest.ts'
import { MAX_KEPT_SIGNATURES } from '../wire/limits.ts'
import type { Signature } from '../wire/schemas/replica.ts'
import { formatPublicKey, type Signer } from './keys.ts'
import { signLine } from './note.ts'
import { toReceiptText } from './receipt.ts'
import type { Statement } from './statement.ts'

/**
 * Signs what facts say of a name with every key: none when there is no telling when the bytes were read, or
 * no SHA-256 or size. With `of`, as a coordinator, for that replica.
 */
export type SignFacts = (name: string, facts: Facts, of?: string) => Promise<readonly Signature[]>

/** Signs a text with every key. */
export type SignText = (text: string, statement: Statement) => Promise<readonly Signature[]>

/** Creates a function that signs with these keys. */
export function createSignText(signers: readonly Signer[]): SignText {
  const keys = signers.map(({ key }) => formatPublicKey(key))
  return (text, statement) =>
    Promise.all(
      signers.map(async (signer, i) => ({
        key: keys[i] ?? '',
        line: await signLine(signer, statement, text),
      })),
    )
}

interface Kept {
  readonly text: string
  readonly statement: Statement
  readonly signatures: readonly Signature[]
}

/**
 * Creates a function that signs with `sign`. A signature costs more than the rest of a read, so the last
 * ones are kept: what was signed of the same reading is given again.
 */
export function createSignFacts(sign: SignText, now: () => number = Date.now): SignFacts {
  const kept = new LRUCache<string, Kept>({ max: MAX_KEPT_SIGNATURES })

  return async (name, facts, of) => {
    const { digest, size } = facts
    const statement = toStatement(facts, now(), of)
    if (statement === null || size === null || !isDigest(digest)) return []
    const text = toReceiptText({ name, digest, size })
    const slot = `${of ?? ''} ${name}`
    const last = kept.get(slot)
    if (last?.text === text && isSameReading(last.statement, statement)) return last.signatures
    const signatures = await sign(text, statement)
    kept.set(slot, { text, statement, signatures })
    return signatures
  }
}

/**
 * What facts state, at `now` in milliseconds since 1970; null for bytes read nobody knows when. The time of
 * a reading is never later than it was: an age has whole seconds, rounded down.
 */
export function toStatement({ evidence, age }: Facts, now: number, of?: string): Statement | null {
  const second = Math.floor(now / 1000)
  if (evidence === 'stored' || evidence === 'recorded') return { basis: evidence, time: second, of }
  return age === null ? null : { basis: 'read', time: second - age - 1, of }
}

/** Whether two statements are of one reading: by its age, its time is known to two seconds. */
function isSameReading(last: Statement, now: Statement): boolean {
  return last.basis === now.basis && Math.abs(last.time - now.time) <= 1
}
