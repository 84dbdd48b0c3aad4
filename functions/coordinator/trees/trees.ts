import type { Context } from 'hono'
import { withHeartbeat } from '../../bytes/heartbeat.ts'
import { answerLines, createAnswer, LINES, toJson } from '../../http/answer.ts'
import type { AppEnv } from '../../http/app.ts'
import { createProblem } from '../../http/problems.ts'
import { undated } from '../../proof/answer-tree.ts'
import { formatNote } from '../../proof/note.ts'
import { readTree } from '../../proof/read-tree.ts'
import { toTreeText } from '../../proof/tree-text.ts'
import type { Work } from '../../storage/storage.ts'
import { createToDone } from '../../storage/work.ts'
import { parseLimit } from '../../wire/fields/query.ts'
import { isValid } from '../../wire/json/parse.ts'
import { MAX_NAME_BYTES } from '../../wire/limits.ts'
import type { KeptTrees, TreesLine } from '../../wire/schemas/listings.ts'
import { treeRequest } from '../../wire/schemas/replica.ts'
import { StorageError, toStorageError } from '../../wire/storage-error.ts'
import { withDeadlines } from '../ask/deadlines.ts'
import type { Member } from '../ask/member.ts'
import type { CoordinatorContext } from '../context.ts'
import { readLedger } from '../ledger/ledger-answers.ts'

interface Asking extends Pick<CoordinatorContext, 'deadlines' | 'createHasher' | 'signing'> {
  readonly trace: AppEnv['Variables']['trace'] | undefined
  readonly signal: AbortSignal
  readonly onProgress: (work: Work) => void
}

/** The tree of one replica, and the lines that sign it: none where nobody signs. */
interface MemberTree {
  readonly id: string
  readonly files: number
  readonly root: string
  readonly text: string
  readonly lines: readonly string[]
  /** The public keys that the replica has shown for its lines: none where the coordinator signs. */
  readonly keys: readonly string[]
}

/**
 * `GET /tree?prefix=`: the trees of all replicas now, each signed by the replica, or by the coordinator for
 * one that has no key. Replicas with the same files sign one note. The notes are kept in the ledger.
 */
export async function answerTrees(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  const { prefix = '' } = c.req.query()
  if (!isValid(treeRequest, { prefix }))
    return createProblem('invalid-parameter', `prefix takes a text of at most ${MAX_NAME_BYTES} characters`)
  if (c.req.method === 'HEAD') return createAnswer(200, LINES, null)
  const { trace } = c.var
  return await context.limits.audits.run(() =>
    answerLines(async (writeLine, signal) => {
      let work = 0
      const onProgress = ({ done }: Work) => {
        work += done
      }
      const beat = () => void writeLine({ work } satisfies TreesLine).catch(() => {})
      const asking = { ...context, trace, signal, onProgress }
      const askAll = () => Promise.all(context.members.map((member) => askTree(member, prefix, asking)))
      const said = refuseSharedKeys(await withHeartbeat(beat, askAll, signal))
      const answer = toAnswer(said)
      for (const { replicas, note } of answer.notes)
        await context.ledger?.noteTree({ at: Date.now(), replicas, note }).catch(context.onLedgerFailed)
      await writeLine(answer)
    }),
  )
}

type Said = MemberTree | { readonly id: string; readonly error: StorageError }

/** As in a receipt, a key counts for the first replica that shows it: a note with a line twice is void. */
function refuseSharedKeys(said: readonly Said[]): Said[] {
  const used = new Set<string>()
  return said.map((one) => {
    if ('error' in one) return one
    const { id, keys } = one
    const before = used.size
    for (const key of keys) used.add(key)
    if (used.size === before + keys.length) return one
    const why = 'the replica signed with the key of another, or with one key twice'
    return { id, error: new StorageError('unreadable', why) }
  })
}

async function askTree(member: Member, prefix: string, asking: Asking): Promise<Said> {
  const { id } = member
  try {
    return await withDeadlines(asking.deadlines, asking.signal, (signal, note) => {
      const onProgress = (work: Work) => {
        note(work)
        asking.onProgress(work)
      }
      return signMember(member, prefix, { ...asking, signal, onProgress })
    })
  } catch (error) {
    asking.signal.throwIfAborted()
    const failure = toStorageError(error)
    member.onFailed(failure)
    return { id, error: failure }
  }
}

/** The tree as the replica has signed it, or as the coordinator has read it and signs for the replica. */
async function signMember({ id, storage }: Member, prefix: string, asking: Asking): Promise<MemberTree> {
  const { createHasher, signing, trace, signal, onProgress } = asking
  const signed = (await storage.signTree?.(prefix, { trace, signal, onProgress })) ?? null
  if (signed !== null) {
    const { files, root, signatures } = signed
    const text = toTreeText({ prefix, files, root })
    for (const signature of signatures)
      if (!(await signing.checkSignature(signature, text)))
        throw new StorageError('unreadable', 'the replica signed something else than it answered')
    const [lines, keys] = [signatures.map(({ line }) => line), signatures.map(({ key }) => key)]
    return { id, files, root, text, lines, keys }
  }
  const toDone = createToDone()
  const { files, root, statement } = await readTree(storage, prefix, {
    ...{ createHasher, trace, signal },
    onProgress: (work) => onProgress({ done: toDone(work) }),
  })
  if (statement === null) throw undated()
  const text = toTreeText({ prefix, files, root })
  const attested = await signing.sign?.(text, { ...statement, of: id })
  return { id, files, root, text, lines: (attested ?? []).map(({ line }) => line), keys: [] }
}

function toAnswer(said: readonly Said[]): Exclude<TreesLine, { work: number }> {
  const byText = new Map<string, { readonly replicas: string[]; readonly lines: string[] }>()
  for (const one of said) {
    if ('error' in one || one.lines.length === 0) continue
    const note = byText.get(one.text) ?? { replicas: [], lines: [] }
    note.replicas.push(one.id)
    note.lines.push(...one.lines)
    byText.set(one.text, note)
  }
  return {
    replicas: said.map((one) =>
      'error' in one
        ? { id: one.id, error: one.error.reason, detail: one.error.message }
        : { id: one.id, files: one.files, root: one.root },
    ),
    notes: [...byText].map(([text, { replicas, lines }]) => ({ replicas, note: formatNote(text, lines) })),
  }
}

/** `GET /trees?limit=`: the notes that the ledger has kept, the latest first. */
export async function answerKeptTrees(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  const limit = parseLimit(c.req.query('limit'))
  if (typeof limit === 'string') return createProblem('invalid-parameter', limit)
  return await readLedger(context, async (ledger) => {
    const trees = await ledger.trees(limit)
    const shown = trees.map(({ at, replicas, note }) => ({
      at: new Date(at).toISOString(),
      replicas: [...replicas],
      note,
    }))
    return toJson({ trees: shown } satisfies KeptTrees)
  })
}
