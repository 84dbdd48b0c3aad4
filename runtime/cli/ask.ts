import { toCertificateWords, toNetworkError } from '../../functions/storage/network-errors.ts'
import type { Digest } from '../../functions/wire/digest.ts'
import {
  parseEtag,
  parseReplicaAgreement,
  parseReplicaStatus,
  parseReprDigest,
} from '../../functions/wire/fields.ts'
import { parseJson } from '../../functions/wire/parse.ts'
import { parseTimeFields } from '../../functions/wire/representation.ts'
import {
  type Agreement,
  type Problem,
  problem as problemSchema,
  type ReplicaReport,
} from '../../functions/wire/schemas.ts'
import { Refusal } from '../node/refusal.ts'
import { adviseOnProblem, adviseOnReason } from './advice.ts'
import { untilEnded } from './until-ended.ts'

/** A failure that another try may mend: the network's, or a server's that says so. */
export class Broken extends Refusal {
  override readonly name = 'Broken'
}

/** What is asked beside the path. */
export interface AskInit {
  /** Without a body. */
  readonly method?: 'HEAD' | undefined
  readonly fields?: Readonly<Record<string, string>> | undefined
  /** Is sent there. */
  readonly json?: string | undefined
}

/** Asks the coordinator for a path. Redirects and encoded answers are refused; a dead network is `Broken`. */
export type Ask = (path: string, init?: AskInit) => Promise<Response>

export interface AskOptions {
  /** The host's `fetch`, or a coordinator's own. */
  readonly fetch: (request: Request) => Promise<Response>
  /** The token to show (RFC 6750). */
  readonly token?: (() => string) | undefined
  readonly signal?: AbortSignal | undefined
}

/** Asks the coordinator at `base`. An aborted signal rejects with its reason. */
export function createAsk(base: string, options: AskOptions): Ask {
  const origin = base.replace(/\/+$/, '')

  return async function ask(path, { method, fields, json } = {}) {
    const request = new Request(origin + path, {
      ...(method !== undefined && { method }),
      ...(json !== undefined && { method: 'POST', body: json }),
      redirect: 'manual',
      // A conflict is to be an error, not a body of many parts.
      headers: {
        Accept: 'application/problem+json, */*;q=0.9',
        'Accept-Encoding': 'identity',
        ...(json !== undefined && { 'Content-Type': 'application/json' }),
        ...fields,
        ...(options.token && { Authorization: `Bearer ${options.token()}` }),
      },
    })
    const response = await untilEnded(options.fetch(request), options.signal).catch((error) => {
      options.signal?.throwIfAborted()
      const { reason } = toNetworkError(error)
      const what = `cannot reach the coordinator at ${origin}: ${toReason(error)}`
      throw new Broken(adviseOnReason(what, reason))
    })
    const location = response.headers.get('Location')
    if (location !== null)
      return await refuse(
        response,
        `redirects to '${location}'; if that is the one you mean, name it with --coordinator`,
      )
    if (response.headers.has('Content-Encoding'))
      return await refuse(
        response,
        'answers in an encoding of its own; name it directly, not a proxy before it',
      )
    return response
  }

  async function refuse(response: Response, what: string): Promise<never> {
    await response.body?.cancel()
    throw new Refusal(`the coordinator at ${origin} ${what}`)
  }
}

/** The reason of a network's failure in words: `connection refused`, `its certificate has expired`. */
export function toReason(error: unknown): string {
  const words = toCertificateWords(error)
  return words === null ? toWords(toNetworkError(error).reason) : `its certificate ${words}`
}

/** An error type of RFC 9209 §2.3 in words. */
export function toWords(reason: string): string {
  return reason.replaceAll('_', ' ')
}

/** What the fields of an answer with 200 say of the file in its body. */
export interface Announced {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  /** As it came, strong: what `If-Range` takes (RFC 9110 §13.1.5). */
  readonly etag: string
  /** Milliseconds since 1970, null when the answer tells no time. */
  readonly modified: number | null
  readonly agreement: Agreement
  readonly reports: readonly ReplicaReport[]
}

/** The digest and the size in bytes of the whole content that these fields announce; null when they announce none. */
export function parseContent(headers: Headers): Pick<Announced, 'digest' | 'size'> | null {
  const digest = parseReprDigest(headers.get('Repr-Digest') ?? '')
  const length = headers.get('Content-Length') ?? ''
  return digest !== null && /^\d{1,15}$/.test(length) ? { digest, size: Number(length) } : null
}

/** Reads what a 200 announces; throws a Refusal when its fields are not a coordinator's. */
export function readAnnounced({ headers }: Response): Announced {
  const content = parseContent(headers)
  const etag = headers.get('ETag') ?? ''
  const agreement = parseReplicaAgreement(headers.get('Replica-Agreement') ?? '')?.agreement
  const reports = parseReplicaStatus(headers.get('Replica-Status') ?? '')
  const isWhole = content !== null && parseEtag(etag) === content.digest
  if (!isWhole || agreement === undefined || reports === null) {
    throw new Refusal("the answer lacks a coordinator's fields: is that a coordinator's address?")
  }
  return { ...content, etag, modified: parseTimeFields(headers), agreement, reports }
}

/** Far more than a problem takes: 1,000 replicas, each with an error in words. */
const MAX_PROBLEM_BYTES = 1024 * 1024

/** Reads the problem document of an answer; throws a Refusal when it is none, or `Broken` when it breaks off. */
export async function readProblem(response: Response): Promise<Problem> {
  const text = response.body === null ? '' : await readText(response.body)
  const parsed = parseJson(problemSchema, text)
  if (parsed.success && isProblem(response)) return parsed.output
  throw new Refusal(
    `answered ${response.status} without a problem document: is that a coordinator's address?`,
  )
}

function isProblem({ headers }: Response): boolean {
  return /^application\/problem\+json *(;|$)/i.test(headers.get('Content-Type') ?? '')
}

async function readText(body: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of catchBroken(body)) {
    length += chunk.length
    if (length > MAX_PROBLEM_BYTES)
      throw new Refusal("the answer is longer than any problem document: is that a coordinator's address?")
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** The chunks of `body`; a failure of it is `Broken`, and who stops early cancels it. */
export async function* catchBroken(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error) => {
        throw new Broken(`the transfer broke off: ${toReason(error)}`)
      })
      if (done) return
      yield value
    }
  } finally {
    // Of a body that has ended or failed this does nothing.
    await reader.cancel().catch(() => {})
  }
}

/** A problem in one line: its title, its detail when it has one, and what to do next where that helps. */
export function toLine({ type, title, detail }: Problem): string {
  if (detail === undefined) return adviseOnProblem(title, type)
  // Their titles speak of the request, which whoever typed a command did not write.
  const isOfRequest = type === 'invalid-body' || type === 'invalid-parameter'
  return adviseOnProblem(isOfRequest ? detail : `${title}: ${detail}`, type)
}
