import type { RequestHead } from '../../http/app.ts'
import type { AskOptions } from '../ask/member.ts'
import type { CoordinatorContext, ReadRequest } from '../context.ts'
import { parsePrefer, parseReadParameters, toCount } from '../parameters.ts'
import { type DeliverRequest, deliver, deliverCopy } from './deliver.ts'
import { isReceiptAccepted } from './receipt.ts'

/** Below which paths files are read. */
export type ReadBase = '/files/' | '/pinned/' | '/dav/'

/** Reads of any number of names, all with the parameters and fields of one request. */
export interface Reads {
  /** Of each, but for its name, which is empty. */
  readonly read: DeliverRequest
  /** Whether one replica's copy is read, uncompared. */
  readonly isCopy: boolean
}

/** What a request has that its reads depend on. */
interface Asked extends Pick<AskOptions, 'trace' | 'getSignal'> {
  readonly base: ReadBase
  /** How many replicas must answer unless `query` says otherwise. */
  readonly required: number
  readonly query: Record<string, string>
  /** The fields of these names. */
  readonly accept: string | undefined
  readonly prefer: string | undefined
}

/** The reads that a request asks for; a message when its parameters are not valid. */
export function parseReads(context: CoordinatorContext, asked: Asked): Reads | string {
  const { ids, members, deadlines, createHasher, contentCache, corruptCopies, recentReads } = context
  const { base, required, prefer, trace, getSignal } = asked
  const parameters = parseReadParameters(asked.query, ids)
  if (typeof parameters === 'string') return parameters
  const { replica, version, maxAge, require } = parameters
  const isReceipt = parameters.receipt || isReceiptAccepted(asked.accept)
  const isPin = base === '/pinned/'
  if (isPin && replica !== undefined) return 'a pinned address is compared, so that it takes no replica'
  const isStrict = prefer !== undefined && parsePrefer(prefer).has('handling=strict')
  const enough = isStrict ? ids.length : require === undefined ? required : toCount(require, ids.length)
  // Named one by one: copying all members of other objects takes V8 as long as the rest of this function.
  const read = {
    members,
    deadlines,
    createHasher,
    contentCache,
    corruptCopies,
    recentReads,
    trace,
    getSignal,
    name: '',
    maxAge,
    isStrict,
    version,
    form: isPin ? ('pin' as const) : parameters.form,
    isWholeOnly: base === '/dav/' && version === undefined,
    required: enough,
    sign: isReceipt || undefined,
    signing: isReceipt ? context.signing : undefined,
  }
  if (replica !== undefined) return { read: ofReplica(read, replica), isCopy: true }
  return { read, isCopy: false }
}

/** The same read of the replica `id` alone. */
export function ofReplica<T extends Pick<ReadRequest, 'members'>>(read: T, id: string): T {
  return { ...read, members: read.members.filter((member) => member.id === id) }
}

/** Whether 404 says of one of them that no replica has such a file. */
export function isPlain({ read, isCopy }: Reads): boolean {
  return !isCopy && read.version === undefined && read.form === undefined && read.signing === undefined
}

/** Answers one of them. */
export function answerName(request: RequestHead, { read, isCopy }: Reads, name: string): Promise<Response> {
  const own = { ...read, name }
  return isCopy ? deliverCopy(request, own) : deliver(request, own)
}
