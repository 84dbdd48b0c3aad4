import { fromBytes, readAll, toChunks, toStream } from '../bytes/chunks.ts'
import { type Digest, toDigest } from '../wire/digest.ts'
import { changedError, integrityError, preconditionError, requireRange } from '../wire/errors.ts'
import { isFresh, type SizedFacts } from './facts.ts'
import { notKept, toKeptKey } from './kept.ts'
import { compareNames, requireName } from './names.ts'
import type { DescribeOptions, Kept, ListOptions, MoveOptions, WritableStorage } from './storage.ts'
import { toPageSize } from './survey/page-builder.ts'

/** What is remembered of a file; `age` is computed for each question. */
type Held = Pick<SizedFacts, 'size' | 'digest' | 'modified'>

interface File {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Resolves once the bytes have been hashed. */
  readonly facts: Promise<Held>
  /** When they were: milliseconds of `performance.now()`. */
  readonly since: number
}

interface KeptFile extends Kept, Pick<SizedFacts, 'modified'> {
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** A storage that holds its files in memory: for tests, examples and small fixed sets. */
export interface MemoryStorage extends WritableStorage {
  /** Creates or replaces a file. Text is stored as UTF-8. */
  set(name: string, content: string | Uint8Array): void
  /** Removes a file, if there is one. */
  delete(name: string): void
}

/**
 * A writable storage in memory that begins with `files`.
 *
 * @example
 * const storage = createMemoryStorage({ 'notes.txt': 'hello' })
 * const app = createReplica(storage)
 */
export function createMemoryStorage(files: Record<string, string | Uint8Array> = {}): MemoryStorage {
  const held = new Map<string, File>()
  /** By `toKeptKey`. */
  const kept = new Map<string, KeptFile>()
  for (const [name, content] of Object.entries(files)) set(name, content)

  function set(name: string, content: string | Uint8Array): void {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : new Uint8Array(content)
    held.set(requireName(name), toFile(bytes, Date.now()))
  }

  async function describeOne(name: string, { signal, maxAge }: DescribeOptions): Promise<SizedFacts | null> {
    signal?.throwIfAborted()
    const file = held.get(requireName(name))
    if (file === undefined) return null
    const known = await recall(file)
    if (isFresh(known, maxAge)) return known
    return { ...(await readFacts(file.bytes, known.modified)), evidence: 'read', age: 0 }
  }

  const put: WritableStorage['put'] = async (name, body, options) => {
    try {
      options.signal?.throwIfAborted()
      requireReplaced(await held.get(requireName(name))?.facts, options.replaces)
    } catch (error) {
      await body.cancel(error)
      throw error
    }
    const bytes = await readAll(toChunks(toStream(toChunks(body), options.signal)))
    options.signal?.throwIfAborted()
    const file = toFile(bytes, options.modified ?? Date.now())
    const facts = await file.facts
    if (facts.size !== options.size || facts.digest !== options.digest) throw integrityError()
    for (;;) {
      const before = held.get(name)
      const current = await before?.facts
      requireReplaced(current, options.replaces)
      if (held.get(name) !== before) continue
      if (before && current && current.digest !== options.digest) {
        const { bytes } = before
        kept.set(toKeptKey({ ...current, name }), { ...current, name, kept: Date.now(), bytes })
      }
      held.set(name, file)
      return { ...facts, evidence: 'read', age: 0 }
    }
  }

  async function move(from: string, to: string, { digest, signal }: MoveOptions): Promise<void> {
    signal?.throwIfAborted()
    const file = held.get(requireName(from))
    const current = await file?.facts
    const isAsSeen = file !== undefined && held.get(from) === file && current?.digest === digest
    if (held.has(requireName(to)) || !isAsSeen) throw preconditionError()
    held.set(to, file)
    held.delete(from)
  }

  return {
    set,
    delete: (name) => void held.delete(name),
    describe: (names, options = {}) => names.map((name) => describeOne(name, options)),
    async open(name, { range, ifDigest, signal } = {}) {
      signal?.throwIfAborted()
      const file = held.get(requireName(name))
      if (file === undefined) return null
      const facts = await recall(file)
      if (ifDigest !== undefined && ifDigest !== facts.digest) throw changedError()
      const { offset, length } = requireRange(range, facts.size)
      return { facts, body: toStream(fromBytes(file.bytes.slice(offset, offset + length)), signal) }
    },
    async list({ prefix = '', signal, ...options } = {}) {
      signal?.throwIfAborted()
      const wanted = [...held].filter(([name]) => name.startsWith(prefix))
      const { entries, next } = toPage(wanted, options)
      const toEntry = async ([name, { facts }]: readonly [string, File]) => {
        const { size, modified } = await facts
        return { name, size, modified }
      }
      return { entries: await Promise.all(entries.map(toEntry)), next }
    },
    put,
    move,
    async listKept({ name, signal, ...options } = {}) {
      signal?.throwIfAborted()
      if (name !== undefined) requireName(name)
      const wanted = [...kept].filter(([, file]) => file.name === (name ?? file.name))
      const { entries, next } = toPage(wanted, options)
      return { entries: entries.map(([, { bytes, modified, ...entry }]) => entry), next }
    },
    async restore(name, { digest, replaces, signal }) {
      const file = kept.get(toKeptKey({ digest, name: requireName(name) }))
      if (file === undefined) throw notKept()
      const { size, modified } = file
      return await put(name, toStream(fromBytes(file.bytes)), { size, digest, replaces, modified, signal })
    },
  }
}

function toFile(bytes: Uint8Array<ArrayBuffer>, modified: number): File {
  return { bytes, facts: readFacts(bytes, modified), since: performance.now() }
}

async function readFacts(bytes: Uint8Array<ArrayBuffer>, modified: number | null): Promise<Held> {
  const digest = toDigest(await crypto.subtle.digest('SHA-256', bytes))
  return { size: bytes.length, digest, modified }
}

async function recall({ facts, since }: File): Promise<SizedFacts> {
  const age = Math.floor((performance.now() - since) / 1000)
  return { ...(await facts), evidence: 'remembered', age }
}

function requireReplaced(current: Held | undefined, expected: Digest | null): void {
  if ((current?.digest ?? null) !== expected) throw preconditionError()
}

/** A page of entries in the byte order of their keys, and the key to continue after. */
function toPage<T>(
  all: readonly (readonly [key: string, value: T])[],
  { after = '', limit }: Pick<ListOptions, 'after' | 'limit'>,
) {
  const size = toPageSize(limit)
  const rest = all.filter(([key]) => compareNames(key, after) > 0).sort(([a], [b]) => compareNames(a, b))
  const entries = rest.slice(0, size)
  return { entries, next: rest.length > size ? (entries.at(-1)?.[0] ?? null) : null }
}
