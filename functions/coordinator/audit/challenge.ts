import { type Facts, isFacts } from '../../storage/facts.ts'
import type { ReadProof } from '../../storage/prove.ts'
import type { Proof } from '../../storage/storage.ts'
import { toDigest } from '../../wire/digest.ts'
import { changedError } from '../../wire/errors.ts'
import type { Disproof } from '../../wire/schemas/manifest.ts'
import { StorageError } from '../../wire/storage-error.ts'
import type { Member } from '../ask/member.ts'
import { type Answer, compare, type Version } from '../compare/compare.ts'
import { createAsker, type ProofContext, type Said } from './ask-proofs.ts'
import type { AuditContext, Challenge } from './audit-request.ts'
import { isChosen } from './sample.ts'

/** What became of a name whose copies were to be proved. */
export interface Proved {
  /** The answers, where a copy that was not proved is an error. */
  readonly answers: readonly Answer[]
  /** Of each replica that contradicted itself. */
  readonly disproved: ReadonlyMap<string, Disproof>
}

export type Prover = ReturnType<typeof createProver>

/**
 * Proves copies: each replica computes the HMAC of its bytes under a nonce that it could not have known, and
 * equal answers mean equal bytes. A copy of which no other proof exists, or whose proof differs from those of
 * the same version, is read by the coordinator, as are those of a store that cannot compute. A replica whose
 * bytes or proof contradict what it describes is found `corrupt`; none is accused for having been slow, or
 * for a copy that changed meanwhile. `onWork` is called while a replica works.
 */
export function createProver(
  challenge: Challenge & { readonly share: number },
  context: ProofContext & Pick<AuditContext, 'members' | 'corruptCopies'>,
  onWork: () => void,
) {
  const { createHasher, corruptCopies, members } = context
  const nonce = toDigest(crypto.getRandomValues(new Uint8Array(32)))
  const { ask, read, fetched } = createAsker(nonce, context, onWork)
  const judgeVersion = createJudge(read, context)
  let [names, copies] = [0, 0]

  function disprove(version: Version, id: string, name: string): StorageError {
    const { digest, size } = version
    if (size !== null) corruptCopies.add(id, { ...version, digest, size }, name)
    return new StorageError('integrity', 'the replica proved other bytes than those that it describes')
  }

  async function proveOne(
    name: string,
    answers: readonly Answer[],
    saidBy: ReadonlyMap<string, ReadonlyMap<string, Said>>,
  ): Promise<Proved> {
    const described = new Map(answers.flatMap(({ id, said }) => (isFacts(said) ? [[id, said] as const] : [])))
    const said = new Map([...saidBy].map(([id, ofReplica]) => [id, ofReplica.get(name) ?? null]))
    const errors = new Map<string, StorageError>()
    const disproved = new Map<string, Disproof>()
    for (const version of compare(answers).versions) {
      const holders = members.filter(({ id }) => version.sources.includes(id))
      for (const [id, result] of await judgeVersion(name, holders, described, said)) {
        if (result === null) copies++
        else if (result instanceof StorageError) errors.set(id, result)
        else {
          disproved.set(id, result)
          errors.set(id, disprove(version, id, name))
        }
      }
    }
    return { answers: answers.map(({ id, said }) => ({ id, said: errors.get(id) ?? said })), disproved }
  }

  return {
    /** Whether copies of this name are to be proved. */
    isChosen: (name: string) => isChosen(name, challenge, createHasher),
    /** Proves all copies that the answers describe, by name. Lists have none. Rejects when aborted. */
    async prove(batch: ReadonlyMap<string, readonly Answer[]>): Promise<ReadonlyMap<string, Proved>> {
      names += batch.size
      const asked = members.map(async (member) => {
        const wanted = [...batch].flatMap(([name, answers]) => (isHeldBy(member, answers) ? name : []))
        return [member.id, wanted.length > 0 ? await ask(member, wanted) : new Map<string, Said>()] as const
      })
      const saidBy = new Map(await Promise.all(asked))
      const proved = new Map<string, Proved>()
      for (const [name, answers] of batch) proved.set(name, await proveOne(name, answers, saidBy))
      return proved
    },
    /** What was proved so far. */
    toSummary: () => ({
      ...{ nonce, names, copies, ...challenge },
      fetched: [...fetched].map(([id, bytes]) => ({ id, bytes })),
    }),
  }
}

/** Judges the copies of one version; `read` reads one. */
function createJudge(
  read: ReturnType<typeof createAsker>['read'],
  context: Pick<ProofContext, 'trace' | 'signal'>,
) {
  /** What the copies of one version come to, by replica: null for one that is proved. */
  async function judgeVersion(
    name: string,
    holders: readonly Member[],
    described: ReadonlyMap<string, Facts>,
    said: ReadonlyMap<string, Said>,
  ): Promise<Map<string, StorageError | Disproof | null>> {
    const proofs = holders.flatMap(({ id }) => toProof(said.get(id)) ?? [])
    const isAlike = new Set(proofs.map(toKey)).size === 1
    const readings = proofs.filter(isRead)
    const isEnough = isAlike && (proofs.length > 1 || readings.length > 0)
    const judged = new Map<string, StorageError | Disproof | null>()
    for (const member of holders) {
      const one = said.get(member.id) ?? null
      const facts = described.get(member.id)
      if (facts === undefined) continue
      if (one instanceof StorageError) judged.set(member.id, one)
      else if (one === null) judged.set(member.id, await accuse(member, name, facts, null, null))
      else if (isEnough) {
        const [reading = null] = readings
        const isDenied = one.size !== facts.size || (reading !== null && reading.digest !== facts.digest)
        judged.set(member.id, isDenied ? await accuse(member, name, facts, one, reading) : null)
      } else {
        const reading = isRead(one) ? one : await read(member, name)
        judged.set(member.id, await judgeCopy(member, name, facts, one, reading))
      }
    }
    return judged
  }

  /** Compares what a replica described and proved with what the coordinator has read of it. */
  async function judgeCopy(
    member: Member,
    name: string,
    facts: Facts,
    proof: Proof,
    reading: ReadProof | StorageError | null,
  ): Promise<StorageError | Disproof | null> {
    if (reading instanceof StorageError)
      return reading.code === 'integrity' ? toDisproof(facts, proof, null) : reading
    const isSound = reading !== null && reading.digest === facts.digest && toKey(reading) === toKey(proof)
    return isSound ? null : await accuse(member, name, facts, proof, reading)
  }

  /** The disproof of a copy, unless the replica no longer describes what it did: then the copy changed. */
  async function accuse(
    member: Member,
    name: string,
    facts: Facts,
    proof: Proof | null,
    reading: ReadProof | null,
  ): Promise<StorageError | Disproof> {
    const { said } = await member.ask(name, { trace: context.trace, getSignal: () => context.signal })
    const isSame = isFacts(said) && said.digest === facts.digest && said.modified === facts.modified
    return isSame ? toDisproof(facts, proof, reading) : changedError()
  }

  return judgeVersion
}

/** Whether a replica has the bytes of a file, by its answer. */
function isHeldBy({ id }: Member, answers: readonly Answer[]): boolean {
  const said = answers.find((answer) => answer.id === id)?.said ?? null
  return isFacts(said) && said.evidence !== 'recorded'
}

function toProof(said: Said | undefined): Proof | null {
  return said == null || said instanceof StorageError ? null : said
}

function isRead(proof: Proof): proof is ReadProof {
  return 'digest' in proof
}

function toKey({ size, proof }: Proof): string {
  return `${size} ${proof}`
}

function toDisproof({ digest }: Facts, proof: Proof | null, reading: ReadProof | null): Disproof {
  const [read, expected] = [reading?.digest ?? null, reading?.proof ?? null]
  return { described: digest, proof: proof?.proof ?? null, read, expected }
}
