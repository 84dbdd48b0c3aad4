import { createAnswer } from '../http/answer.ts'
import { createProblem } from '../http/problems.ts'
import { formatPublicKey, type Signer } from './keys.ts'

/** `GET /keys`: the public keys of a server's signers, one a line; the problem `unsigned` without any. */
export function answerKeys(signers: readonly Signer[]): Response {
  if (signers.length === 0) return createProblem('unsigned', 'this server has no key to sign with')
  const lines = signers.map(({ key }) => `${formatPublicKey(key)}\n`)
  return answerPlainText('text/plain; charset=utf-8', lines.join(''))
}

/** Answers 200 with a text that no cache may store. */
export function answerPlainText(type: string, text: string, fields: Readonly<Record<string, string>> = {}) {
  const body = new TextEncoder().encode(text)
  const own = { 'Content-Type': type, 'Content-Length': String(body.length), 'Cache-Control': 'no-store' }
  return createAnswer(200, { ...fields, ...own }, body)
}
