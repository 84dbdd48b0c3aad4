import { answerPlainText } from '../http/answer.ts'
import { createProblem } from '../http/problems.ts'
import { formatPublicKey, type Signer } from './keys.ts'

/** `GET /keys`: the public keys of a server's signers, one a line; the problem `unsigned` without any. */
export function answerKeys(signers: readonly Signer[]): Response {
  if (signers.length === 0) return createProblem('unsigned', 'this server has no key to sign with')
  const lines = signers.map(({ key }) => `${formatPublicKey(key)}\n`)
  return answerPlainText('text/plain; charset=utf-8', lines.join(''))
}
