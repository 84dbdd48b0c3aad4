import type { Context } from 'hono'
import { withHeartbeat } from '../bytes/heartbeat.ts'
import { answerLines } from '../http/answer.ts'
import type { AppEnv } from '../http/app.ts'
import type { Limit } from '../http/overload.ts'
import { createProblem } from '../http/problems.ts'
import { readJsonBody } from '../http/request-body.ts'
import { toTroubleMember } from '../storage/remote/wire-lines.ts'
import type { Storage } from '../storage/storage.ts'
import type { CreateHasher } from '../wire/digest.ts'
import { MAX_NAME_BYTES, MAX_TREE_QUESTION_BYTES } from '../wire/limits.ts'
import { type TreeLine, treeRequest } from '../wire/schemas/replica.ts'
import { StorageError, toStorageError } from '../wire/storage-error.ts'
import type { Signer } from './keys.ts'
import { readTree } from './read-tree.ts'
import { createSignText } from './sign-facts.ts'
import { toTreeText } from './tree-text.ts'

interface TreeAbilities {
  readonly signers: readonly Signer[]
  readonly createHasher: CreateHasher | undefined
  readonly limit: Limit
}

/** `POST /tree` on a replica: its tree now, signed, behind signs of life. */
export async function answerTree(
  storage: Storage,
  c: Context<AppEnv>,
  { signers, createHasher, limit }: TreeAbilities,
): Promise<Response> {
  if (signers.length === 0 || createHasher === undefined)
    return createProblem('unsigned', 'this server has no key to sign with')
  const takes = `{"prefix": a text of at most ${MAX_NAME_BYTES} characters}`
  const request = await readJsonBody(c, treeRequest, { limit: MAX_TREE_QUESTION_BYTES, takes })
  if (request instanceof Response) return request
  const { prefix } = request
  const sign = createSignText(signers)
  const { trace } = c.var
  return await limit.run(() =>
    answerLines(async (writeLine, signal) => {
      const write = (line: TreeLine) => writeLine(line)
      let work = 0
      const onProgress = (now: number) => {
        work = now
      }
      const beat = () => void write({ work }).catch(() => {})
      try {
        const read = () => readTree(storage, prefix, { createHasher, signal, trace, onProgress })
        const { statement, files, root } = await withHeartbeat(beat, read, signal)
        if (statement === null) throw undated()
        const text = toTreeText({ prefix, files, root })
        await write({ files, root, signatures: [...(await sign(text, statement))] })
      } catch (error) {
        signal.throwIfAborted()
        await write({ error: toTroubleMember(toStorageError(error)) })
      }
    }),
  )
}

/** The error for a tree that cannot be dated. */
export function undated(): StorageError {
  return new StorageError('unreadable', 'it is not known when some of the files were read')
}
