import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { fromBytes, toStream } from '../bytes/chunks.ts'
import type { Facts, SizedFacts } from '../storage/facts.ts'
import type { DescribeOptions, Opened, OpenOptions, Storage } from '../storage/storage.ts'
import { MAX_CACHED_CONTENT_BYTES } from '../wire/limits.ts'
import { StorageError } from '../wire/storage-error.ts'

// The contents and faults of replicas, and the answers that a coordinator over them may return: written
// without reading its code.

/** A content and its facts. */
export interface Content {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly digest: string
}

const CHUNK = 16 * 1024

function createContent(size: number, seed: number): Content {
  const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8) + seed) % 251)
  return { bytes, digest: createHash('sha256').update(bytes).digest('hex') }
}

/** An empty one, small ones, and large ones that stream, two of one size. */
export const CONTENTS: readonly Content[] = [
  createContent(0, 0),
  createContent(10, 1),
  createContent(10, 2),
  createContent(MAX_CACHED_CONTENT_BYTES + 5 * CHUNK, 3),
  createContent(MAX_CACHED_CONTENT_BYTES + 5 * CHUNK, 4),
]

/** The behaviour of a replica on a request. All except the first are faults. */
export const ACTS = [
  'honest',
  'fails',
  'is silent',
  'cannot open',
  'cuts',
  'breaks',
  'stalls',
  'lies',
  'adds',
  'changes once',
  'changes always',
] as const
export type Act = (typeof ACTS)[number]

/** Those that only a deadline detects. */
const SLOW: readonly Act[] = ['is silent', 'stalls']

export interface Actor {
  readonly act: Act
  /** Null for nothing. */
  readonly holds: Content | null
  /** The content after the change. */
  readonly other: Content | null
  /** The place of the bad chunk in a body, from 0 to 1. */
  readonly at: number
}

export interface Asked {
  readonly method: 'GET' | 'HEAD'
  readonly require: 'all' | 'majority' | 1 | undefined
  readonly version: Content | undefined
  /** The index of the only replica that is asked. */
  readonly replica: number | undefined
  readonly range: readonly [first: number, last: number] | undefined
  readonly accept: string
  readonly isStrict: boolean
}

export interface World {
  readonly actors: readonly Actor[]
  readonly asked: Asked
}

const content = fc.constantFrom(...CONTENTS)
const held = fc.option(content, { freq: 5 })

function rarely<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
}

const actor: fc.Arbitrary<Actor> = fc.record({
  act: fc.oneof(
    { weight: 3, arbitrary: fc.constant('honest' as const) },
    { weight: 2, arbitrary: fc.constantFrom(...ACTS) },
  ),
  holds: held,
  other: held,
  at: fc.double({ min: 0, max: 0.999, noNaN: true }),
})

const asked: fc.Arbitrary<Asked> = fc.record({
  method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD'),
  require: fc.constantFrom<Asked['require'][]>(undefined, undefined, 'all', 'majority', 1),
  version: rarely(content),
  replica: rarely(fc.constantFrom(0, 1)),
  range: rarely(fc.tuple(fc.nat(CHUNK * 10), fc.nat(CHUNK * 10))),
  accept: fc.constantFrom('*/*', '*/*', 'multipart/mixed', 'text/html'),
  isStrict: rarely(fc.constant(true)).map(Boolean),
})

/** Worlds of one to four replicas that mostly hold the same, where answers are neither error nor conflict. */
export const world: fc.Arbitrary<World> = fc
  .record({
    actors: fc.array(actor, { minLength: 1, maxLength: 4 }),
    common: content,
    alike: fc.boolean(),
    asked,
  })
  .map(({ actors, common, alike, asked }) => ({
    actors: alike ? actors.map((one) => (one.holds ? { ...one, holds: common } : one)) : actors,
    asked: {
      ...asked,
      replica: asked.replica === undefined || asked.version ? undefined : asked.replica % actors.length,
    },
  }))

export function isSlow({ actors }: World): boolean {
  return actors.some(({ act }) => SLOW.includes(act))
}

/** A replica that acts. */
export function createActor({ act, holds, other, at }: Actor): Storage {
  let now = holds
  let asked = 0

  function describeOne(signal: AbortSignal | undefined): Promise<Facts | null> {
    if (act === 'fails') return Promise.reject(new StorageError('unreachable', 'it fails'))
    if (act === 'is silent') {
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    }
    const said = now
    if (act === 'changes always' || (act === 'changes once' && asked++ === 0))
      now = now === holds ? other : holds
    return Promise.resolve(said && toFacts(said))
  }

  async function open(_name: string, { range, ifDigest }: OpenOptions = {}): Promise<Opened | null> {
    if (act === 'cannot open') throw new StorageError('unreadable', 'it cannot open')
    if (now === null) return null
    if (ifDigest !== undefined && now.digest !== ifDigest) throw new StorageError('changed', 'it changed')
    const { offset, length } = range ?? { offset: 0, length: now.bytes.length }
    return { facts: toFacts(now), body: spoil(now.bytes.slice(offset, offset + length), act, at) }
  }

  return {
    describe: (names, { signal }: DescribeOptions = {}) => names.map(() => describeOne(signal)),
    open,
    list: async () => ({ entries: [], next: null }),
  }
}

function toFacts({ bytes, digest }: Content): SizedFacts {
  return { size: bytes.length, digest, modified: null, evidence: 'read', age: 0 }
}

/** The bytes in chunks, made bad at one of them. */
function spoil(bytes: Uint8Array, act: Act, at: number): ReadableStream<Uint8Array> {
  const chunks: (Uint8Array | 'break' | 'stall')[] = []
  for (let i = 0; i < bytes.length; i += CHUNK) chunks.push(bytes.slice(i, i + CHUNK))
  const bad = Math.floor(at * chunks.length)
  if (act === 'cuts') chunks.splice(bad)
  if (act === 'breaks') chunks.splice(bad, chunks.length, 'break')
  if (act === 'stalls') chunks.splice(bad, chunks.length, 'stall')
  if (act === 'adds') chunks.push(new Uint8Array([1]))
  const victim = chunks[bad]
  if (act === 'lies' && victim instanceof Uint8Array) chunks[bad] = victim.map((byte) => byte ^ 1)
  if (act === 'honest' || chunks.length > 0)
    return toStream({ next: () => take(chunks), cancel: async () => {} })
  return toStream(fromBytes(new Uint8Array()))
}

async function take(
  chunks: (Uint8Array | 'break' | 'stall')[],
): Promise<IteratorResult<Uint8Array, undefined>> {
  const chunk = chunks.shift()
  if (chunk === undefined) return { done: true, value: undefined }
  if (chunk === 'break') throw new StorageError('unreachable', 'it broke off')
  if (chunk === 'stall') return await new Promise(() => {})
  return { done: false, value: chunk }
}

/** What came of a request. `body` is null when it broke off. */
export interface Received {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array | null
}

/** The faults of a received answer, in words; none when the world allows it. */
export function judge(world: World, received: Received): string[] {
  const { asked, actors } = world
  const wrong = [...judgeForm(world, received)]
  if (asked.replica !== undefined) {
    const only = actors[asked.replica]
    return only ? [...wrong, ...judgeCopy(only, received)] : wrong
  }
  if (actors.every(({ act }) => act === 'honest' || act === 'fails' || act === 'is silent')) {
    wrong.push(...judgeExactly(world, received))
  }
  return [...wrong, ...judgeSoundly(world, received)]
}

/** What holds of every answer. */
function* judgeForm({ actors, asked }: World, { status, headers, body }: Received) {
  if (![200, 206, 300, 404, 409, 416, 502, 503].includes(status)) yield `status ${status}`
  const items = (headers.get('Replica-Status') ?? '').split(', ')
  const ids = asked.replica === undefined ? actors.map((_, i) => `r${i}`) : [`r${asked.replica}`]
  if (items.map((item) => item.split(';')[0]).join() !== ids.join()) yield `Replica-Status of ${items}`
  const length = headers.get('Content-Length')
  if (asked.method === 'GET' && body !== null && Number(length) !== body.length)
    yield `Content-Length ${length}`
  if (status === 503 && !headers.has('Retry-After')) yield 'no Retry-After'
  if (body === null && actors.every(({ act }) => act === 'honest')) yield 'honest copies broke off'
}

/** Which content an answer with bytes is of; undefined for an unknown one. */
function findContent({ headers }: Received): Content | undefined {
  return CONTENTS.find(
    ({ digest }) =>
      headers.get('Repr-Digest') === `sha-256=:${Buffer.from(digest, 'hex').toString('base64')}:`,
  )
}

/** Bytes that ended cleanly are those of the announced content, or of the range of it that was asked for. */
function* judgeBytes(content: Content, { asked: { method, range } }: World, { status, body }: Received) {
  if (method === 'HEAD' || body === null) return
  const [first, last] = range ?? [0, 0]
  const expected = status === 206 ? content.bytes.slice(first, last + 1) : content.bytes
  if (Buffer.compare(body, expected) !== 0) yield 'other bytes than announced'
}

function canHold({ act, holds, other }: Actor, content: Content | null): boolean {
  return holds === content || ((act === 'changes once' || act === 'changes always') && other === content)
}

function canBeSilent({ act }: Actor): boolean {
  return act !== 'honest'
}

/** What holds whatever the replicas do. */
function* judgeSoundly(world: World, received: Received): Generator<string, void> {
  const { actors, asked } = world
  const honest = actors.filter(({ act }) => act === 'honest')
  const contents = new Set(honest.flatMap(({ holds }) => holds ?? []))
  const agreement = received.headers.get('Replica-Agreement')?.split(';')[0]
  if (received.status === 200 || received.status === 206) {
    const content = findContent(received)
    if (content === undefined) {
      yield 'a content that no replica holds'
      return
    }
    yield* judgeBytes(content, world, received)
    if (!actors.some((one) => canHold(one, content))) yield 'a content that none of these holds'
    if (asked.version !== undefined) {
      if (asked.version !== content) yield 'another version'
      return
    }
    if ([...contents].some((one) => one !== content)) yield 'a conflict resolved'
    if (agreement === 'unanimous' && !actors.every((one) => canHold(one, content))) yield 'unanimous'
    if (agreement === 'incomplete' && !actors.every((one) => canHold(one, content) || canHold(one, null)))
      yield 'incomplete'
    if (agreement === 'degraded' && !actors.some(canBeSilent)) yield 'degraded'
    if (asked.isStrict && agreement !== 'unanimous') yield `${agreement}, strictly`
  }
  if (received.status === 404) {
    if (!actors.every((one) => canHold(one, null) || asked.version !== undefined))
      yield '404 of a file that is there'
    if (asked.version !== undefined && honest.some(({ holds }) => holds === asked.version))
      yield '404 of a version'
    if (actors.some(({ act }) => act === 'fails' || act === 'is silent'))
      yield '404 although a replica was silent'
  }
  const claimed = new Set(
    actors.flatMap(({ act, holds, other }) => (act === 'honest' ? [holds] : [holds, other])),
  )
  claimed.delete(null)
  if ((received.status === 300 || agreement === 'conflict') && claimed.size < 2) yield 'a conflict of one'
  if (received.status === 503 && actors.every(({ act }) => act === 'honest')) yield '503 of honest copies'
  const { body } = received
  const isPlainFault = actors.every(({ act }) => act === 'honest' || act === 'breaks' || act === 'cuts')
  if (body === null && isPlainFault && contents.size > 0 && received.status !== 300) {
    yield 'broke off though an honest copy could go on'
  }
}

/** What must come of replicas of which each is honest or does not answer. */
function* judgeExactly({ actors, asked }: World, { status, headers }: Received) {
  const answers = actors.filter(({ act }) => act === 'honest').map(({ holds }) => holds)
  const required = toCount(asked.isStrict ? 'all' : (asked.require ?? 1), actors.length)
  const contents = [...new Set(answers)].filter((one) => one !== null)
  const expected = expect()
  if (!expected.includes(status)) yield `${status} instead of ${expected}`
  const agreement = toAgreement()
  if (!headers.get('Replica-Agreement')?.startsWith(`${agreement};answered=${answers.length};`))
    yield `not ${agreement}`

  function toAgreement(): string {
    if (contents.length > 1) return 'conflict'
    const isDegraded = answers.length < actors.length
    if (contents.length === 0) return isDegraded ? 'unknown' : 'absent'
    if (isDegraded) return 'degraded'
    return answers.includes(null) ? 'incomplete' : 'unanimous'
  }

  function expect(): number[] {
    if (answers.length < required) return [503]
    if (asked.version !== undefined) {
      if (contents.includes(asked.version)) return toStatus(asked.version)
      return answers.length < actors.length ? [503] : [404]
    }
    if (asked.isStrict && toAgreement() === 'incomplete') return [409]
    const [only] = contents
    if (contents.length > 1) return asked.accept === 'multipart/mixed' ? [300] : [409]
    if (only !== undefined) return toStatus(only)
    return answers.length < actors.length ? [503] : [404]
  }

  function toStatus({ bytes }: Content): number[] {
    const { range, method } = asked
    if (range === undefined || method === 'HEAD' || range[0] > range[1]) return [200]
    return range[0] >= bytes.length ? [416] : [206]
  }
}

function toCount(require: 'all' | 'majority' | 1, of: number): number {
  if (require === 'all') return of
  return require === 'majority' ? Math.floor(of / 2) + 1 : 1
}

/** One replica's copy as it is. */
function* judgeCopy(only: Actor, received: Received) {
  if (received.headers.has('Replica-Agreement')) yield 'an agreement about one copy'
  if (received.status === 404 && !canHold(only, null)) yield '404 of a copy that is there'
  if (received.status === 404 && (only.act === 'fails' || only.act === 'is silent'))
    yield '404 of a silent replica'
  const isSent = received.status < 400 || received.status === 416
  if (!isSent && received.headers.get('Replica-Status')?.includes('match')) yield 'a match that was not sent'
  if (received.status !== 200 && received.status !== 206) return
  const content = findContent(received)
  if (content === undefined || !canHold(only, content)) yield 'a content that it does not hold'
  if (
    received.status === 200 &&
    content &&
    received.body?.length &&
    Buffer.compare(received.body, content.bytes)
  )
    yield 'other bytes'
}
