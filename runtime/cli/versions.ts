import type { Version } from '../../functions/coordinator/compare.ts'
import { type Chunks, fromBytes, readAll, through, toChunks } from '../../functions/storage/streams.ts'
import { toVersionHref } from '../../functions/wire/routes.ts'
import { createHasher } from '../node/hasher.ts'
import { Refusal } from '../node/refusal.ts'
import { type Ask, Broken, readProblem, toLine, toReason } from './ask.ts'
import { CONTRADICTED, readWanted } from './download.ts'

/**
 * The bytes of a version from any of its holders; null when nobody holds it any more. Who opened them reads them to
 * their end or cancels them; a transfer that breaks off is `Broken`.
 */
export async function openVersion(ask: Ask, name: string, version: Version): Promise<Chunks | null> {
  // Who else answers has been told already.
  const response = await ask(`${toVersionHref(name, version.digest)}&require=1`)
  if (response.status === 200) {
    const { size } = await readWanted(response, version.digest)
    if (response.body === null) return fromBytes(new Uint8Array())
    if (size === version.size) return toWhole(toChunks(response.body))
    await response.body.cancel()
    throw new Refusal('the version is not as long as it was told to be; run it again')
  }
  const problem = await readProblem(response)
  if (response.status === 404) return null
  throw new Refusal(`${name}: ${toLine(problem)}`)
}

function toWhole(body: Chunks): Chunks {
  return through(body, async function* (chunks) {
    try {
      yield* chunks
    } catch (error) {
      throw new Broken(`the transfer broke off: ${toReason(error)}`)
    }
  })
}

/** The whole of a version, proved against its digest: for one known to be small. Null as `openVersion`. */
export async function readVersion(
  ask: Ask,
  name: string,
  version: Version,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks = await openVersion(ask, name, version)
  if (chunks === null) return null
  const bytes = await readAll(chunks)
  const hasher = createHasher()
  await hasher.update(bytes)
  if ((await hasher.digest()) !== version.digest) throw new Refusal(CONTRADICTED)
  return bytes
}
