import type { Context } from 'hono'
import type { AppEnv } from '../http/app.ts'
import { readJsonBody } from '../http/request-body.ts'
import { proveNames } from '../storage/prove.ts'
import type { Proof, Storage } from '../storage/storage.ts'
import type { CreateHasher } from '../wire/digest.ts'
import { MAX_DESCRIBE_BYTES, MAX_NAMES_PER_DESCRIBE } from '../wire/limits.ts'
import { type ProveLine, proveRequest } from '../wire/schemas/replica.ts'
import { type AskNames, answerNames } from './answer-names.ts'

/** `POST /prove`: the proof of each name, of the bytes as they are now. */
export async function answerProve(
  storage: Storage,
  createHasher: CreateHasher | undefined,
  c: Context<AppEnv>,
): Promise<Response> {
  const question = await readJsonBody(c, proveRequest, { limit: MAX_DESCRIBE_BYTES, takes: QUESTION })
  if (question instanceof Response) return question
  const { nonce } = question
  const { trace } = c.var
  const ask: AskNames<Proof> = (names, options) =>
    proveNames(storage, names, { ...options, nonce, trace, createHasher })
  return await answerNames(question.names, ask, toLine)
}

const QUESTION = `{"names": [at most ${MAX_NAMES_PER_DESCRIBE} strings], "nonce": 64 lower-case hexadecimal digits}`

function toLine(name: string, { size, proof }: Proof): ProveLine {
  return { name, size, proof }
}
