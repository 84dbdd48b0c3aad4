import { answerPlainText, answerWith, toParts } from '../../http/answer.ts'
import { createProblem } from '../../http/problems.ts'
import { formatNote } from '../../proof/note.ts'
import { RECEIPT_TYPE, toReceiptText } from '../../proof/receipt.ts'
import { type Facts, isFacts } from '../../storage/facts.ts'
import type { Signature } from '../../wire/schemas/replica.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { type Answer, compare, type SentVersion } from '../compare/compare.ts'
import { toFields, toManifest } from '../compare/report.ts'
import type { ReadRequest, Signing } from '../context.ts'

/** Whether `Accept` names the type of a receipt, which no client does that wants the file. */
export function isReceiptAccepted(accept: string | undefined): boolean {
  return accept?.includes(RECEIPT_TYPE) === true
}

/** Answers with the receipt of a version; see `makeReceipt`. */
export async function answerReceipt(
  read: ReadRequest,
  signing: Signing,
  found: { readonly answers: readonly Answer[]; readonly version: SentVersion },
): Promise<Response> {
  const { answers, version } = found
  const last = signing.receipts.get(read.name)
  const isSame =
    last?.digest === version.digest &&
    last.answers.length === answers.length &&
    answers.every(({ said }, i) => said === last.answers[i]?.said)
  const answer = last !== undefined && isSame ? last.answer : makeReceipt(read, signing, found)
  if (!isSame) signing.receipts.set(read.name, { answers, digest: version.digest, answer })
  const { status, fields, body } = toParts(await answer) ?? {}
  if (status === undefined || fields === undefined) throw new Error('an answer that was made here has parts')
  return answerWith(status, fields, body instanceof ReadableStream ? null : (body ?? null))
}

/**
 * The receipt of a version: what each of its holders has signed of it, in their order. For one
 * that has no key the coordinator signs, in a line that names it; one that signs anything else than it
 * answered has no line. So a receipt never has lines of more replicas than hold the version, and it says
 * nothing of the others: the fields of the answer do.
 */
async function makeReceipt(
  read: ReadRequest,
  signing: Signing,
  { answers, version }: { readonly answers: readonly Answer[]; readonly version: SentVersion },
): Promise<Response> {
  const { name } = read
  const { digest, size, holders } = version
  const text = toReceiptText({ name, digest, size })
  const keys = new Set<string>()
  const lines: string[] = []
  for (const { id, said } of answers) {
    if (!isFacts(said) || !holders.includes(id)) continue
    const { signatures } = said
    if (signatures === undefined) {
      // A list may have the digest alone, of which there is one content.
      const attested = await signing.signFacts?.(name, { ...said, size }, id)
      for (const { line } of attested ?? []) lines.push(line)
    } else if (await areOwn(signatures, said, { text, keys, signing })) {
      for (const { line } of signatures) lines.push(line)
    } else {
      const why = 'the replica signed something else than it answered, or with the key of another'
      read.members.find((one) => one.id === id)?.onFailed(new StorageError('unreadable', why))
    }
  }
  const comparison = compare(answers)
  const fields = toFields(comparison, version)
  if (lines.length > 0)
    return answerPlainText(`${RECEIPT_TYPE}; charset=utf-8`, formatNote(text, lines), {
      ...fields,
      Vary: 'Accept',
    })
  const detail = `none of ${holders.join(', ')} has a key to sign with, and neither has this coordinator; 'vouch key generate' makes one, for --sign`
  return createProblem('unsigned', detail, { fields, manifest: toManifest(name, comparison) })
}

/** Whether a replica signed what it said, with keys that none before it has used; adds them to `keys`. */
async function areOwn(
  signatures: readonly Signature[],
  said: Facts,
  { text, keys, signing }: { readonly text: string; readonly keys: Set<string>; readonly signing: Signing },
): Promise<boolean> {
  for (const signature of signatures) {
    if (keys.has(signature.key) || !(await signing.checkSignature(signature, text, said))) return false
    keys.add(signature.key)
  }
  return true
}
