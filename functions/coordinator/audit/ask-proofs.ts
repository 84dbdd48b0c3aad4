import { proveByReading, type ReadProof } from '../../storage/prove.ts'
import type { Proof, Work } from '../../storage/storage.ts'
import { StorageError, toStorageError } from '../../wire/storage-error.ts'
import { withDeadlines } from '../ask/deadlines.ts'
import type { Member } from '../ask/member.ts'
import type { AuditContext } from './audit-request.ts'

/** What a replica said of one copy: its proof, with its SHA-256 where the coordinator has read it. */
export type Said = Proof | ReadProof | StorageError | null

export type ProofContext = Pick<AuditContext, 'createHasher' | 'deadlines' | 'trace' | 'signal'>

/** Asks replicas for proofs under `nonce`, within their deadlines; calls `onWork` while one works. */
export function createAsker(nonce: string, context: ProofContext, onWork: () => void) {
  const { createHasher } = context
  const fetched = new Map<string, number>()

  /** Runs `work` on a replica within its deadlines; an error is what it resolves with. */
  async function within<T>(work: (options: ReturnType<typeof toOptions>) => Promise<T>) {
    const { deadlines, signal } = context
    try {
      return await withDeadlines(deadlines, signal, (...watched) => work(toOptions(...watched)))
    } catch (error) {
      signal.throwIfAborted()
      return toStorageError(error)
    }
  }

  const toOptions = (signal: AbortSignal, note: (work: Work) => void) => ({
    ...{ nonce, signal, trace: context.trace },
    onProgress(work: Work) {
      note(work)
      onWork()
    },
  })

  /** Reads one copy here. */
  async function read({ id, storage }: Member, name: string): Promise<ReadProof | null | StorageError> {
    const found = await within((options) => proveByReading(storage, name, { ...options, createHasher }))
    if (found !== null && 'size' in found) fetched.set(id, (fetched.get(id) ?? 0) + found.size)
    return found
  }

  /** Asks one replica for all of these proofs at once. */
  async function ask(member: Member, wanted: readonly string[]): Promise<ReadonlyMap<string, Said>> {
    const { storage } = member
    const said = new Map<string, Said>()
    if (storage.prove === undefined) {
      for (const name of wanted) said.set(name, await read(member, name))
      return said
    }
    const prove = storage.prove.bind(storage)
    const failed = await within(async (options) => {
      const proofs = prove(wanted, options)
      await Promise.all(
        wanted.map(async (name, i) => {
          said.set(name, await settle(proofs[i] ?? Promise.resolve(null)))
        }),
      )
    })
    if (failed instanceof StorageError) for (const name of wanted) if (!said.has(name)) said.set(name, failed)
    return said
  }

  return {
    ask,
    read,
    /** The bytes that were read here, by replica. */
    fetched: fetched as ReadonlyMap<string, number>,
  }
}

/** The proof alone, whatever else the storage says of it: a SHA-256 counts only when it was read here. */
async function settle(proof: Promise<Proof | null>): Promise<Said> {
  try {
    const said = await proof
    return said && { size: said.size, proof: said.proof }
  } catch (error) {
    return toStorageError(error)
  }
}
