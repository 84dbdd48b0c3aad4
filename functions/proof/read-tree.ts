import { isFacts } from '../storage/facts.ts'
import type { Storage, SurveyOptions } from '../storage/storage.ts'
import { readSurvey } from '../storage/survey/read-survey.ts'
import type { EvidenceCounts, Found } from '../storage/survey/survey.ts'
import { type CreateHasher, isDigest } from '../wire/digest.ts'
import { StorageError } from '../wire/storage-error.ts'
import { formatCount } from '../wire/text.ts'
import type { Statement } from './statement.ts'
import { createHash, createRootHash, hashLeaf, type Root } from './tree.ts'
import type { Tree } from './tree-text.ts'

interface ReadTreeOptions extends SurveyOptions {
  readonly createHasher: CreateHasher
  /** The name whose path is wanted. */
  readonly wanted?: string | undefined
  /** Called with each file before the next is read. */
  readonly onFile?: ((name: string, digest: string) => void | Promise<void>) | undefined
  /** Called at least every `HEARTBEAT_MS` with the work done so far, as `Progress` counts it. */
  readonly onProgress?: ((work: number) => void) | undefined
}

/** The tree of a storage now, and how it is known. */
export interface ReadTree extends Tree, Root {
  /** The weakest and the oldest of what its digests rest on; null when it is not known when one was read. */
  readonly statement: Statement | null
}

/**
 * Reads the tree of the files whose names start with `prefix`, from what the storage remembers of them where
 * it can. Rejects with `unreadable` when some file could not be read, or has no SHA-256. Memory does not grow
 * with the tree.
 */
export async function readTree(
  storage: Storage,
  prefix: string,
  { createHasher, wanted, onFile, onProgress, ...options }: ReadTreeOptions,
): Promise<ReadTree> {
  const survey = {
    ranges: [{ after: '', until: null }],
    prefix,
    grain: 0,
    maxAge: null,
    match: [],
    exclude: [],
  }
  const began = Date.now()
  const hash = createHash(createHasher)
  const tree = createRootHash(hash)
  let seen: EvidenceCounts = { read: 0, remembered: 0, stored: 0, recorded: 0, oldest: null }
  let isDated = true
  let failed = 0
  let first: Found | undefined
  for await (const line of readSurvey(storage, survey, { ...options, createHasher })) {
    if ('seen' in line) {
      seen = line.seen
      onProgress?.(line.work ?? line.seen.names)
    }
    if (!('said' in line)) continue
    const { name, said } = line
    if (!isFacts(said) || !isDigest(said.digest)) {
      failed++
      first ??= line
      continue
    }
    if (said.age === null && said.evidence !== 'stored' && said.evidence !== 'recorded') isDated = false
    const leaf = hashLeaf(hash, name, said.digest)
    await tree.add(typeof leaf === 'string' ? leaf : await leaf, name === wanted)
    await onFile?.(name, said.digest)
  }
  if (first !== undefined) throw toFailure(first, failed)
  return { prefix, ...(await tree.end()), statement: isDated ? toStatement(seen, began) : null }
}

function toFailure({ name, said }: Found, failed: number): StorageError {
  const why = said instanceof StorageError ? said.message : 'it has no SHA-256'
  const count = formatCount(failed, 'file', 'files')
  return new StorageError(
    'unreadable',
    `a tree cannot leave out ${count}, the first of them '${name}': ${why}`,
  )
}

/**
 * As of single facts: see `sign-facts.ts`. Each age was one at some time after `began`, so that none was read
 * earlier than the time that this gives.
 */
function toStatement({ stored, recorded, oldest }: EvidenceCounts, began: number): Statement {
  const second = Math.floor(began / 1000)
  if (recorded > 0) return { basis: 'recorded', time: second }
  if (stored > 0) return { basis: 'stored', time: second }
  return { basis: 'read', time: second - (oldest ?? 0) - 1 }
}
