import { type Digest, toDigest } from '../wire/digest.ts'
import { MAX_LISTING_PAGE } from '../wire/limits.ts'
import { StorageError } from '../wire/trouble.ts'
import { isFresh } from './freshness.ts'
import { notKept, toKeptKey } from './kept.ts'
import { compareNames, requireName } from './names.ts'
import type {
  DescribeOptions,
  Facts,
  Kept,
  KeptPage,
  ListKeptOptions,
  ListOptions,
  Opened,
  OpenOptions,
  Page,
  PutOptions,
  RestoreOptions,
  Storage,
} from './storage.ts'
import { fromBytes, readAll, toChunks, toStream } from './streams.ts'

/** What is known of a file that was put there; `age` is made for each question. */
type Held = Pick<Facts, 'size' | 'digest' | 'modified'>

interface File {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Resolves once the bytes have been hashed, which nothing can change. */
  readonly facts: Promise<Held>
  /** When they were: milliseconds of `performance.now()`. */
  readonly since: number
}

interface KeptFile extends Kept, Pick<Facts, 'modified'> {
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** A storage that keeps its files in memory: for tests, examples and small fixed sets. */
export interface MemoryStorage extends Storage {
  /** Puts a file there, or another in its place. Text is stored as UTF-8. */
  set(name: string, content: string | Uint8Array): void
  /** Takes a file away; one that is not there is no error. */
  delete(name: string): void
}

/** A writable storage in memory that begins with `files`. */
export function createMemoryStorage(files: Record<string, string | Uint8Array> = {}): MemoryStorage {
  const held = new Map<string, File>()
  /** By `toKeptKey`. */
  const kept = new Map<string, KeptFile>()
  for (const [name, content] of Object.entries(files)) set(name, content)

  function set(name: string, content: string | Uint8Array): void {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : new Uint8Array(content)
    held.set(requireName(name), toFile(bytes, Date.now()))
  }

  async function describeOne(name: string, { signal, maxAge }: DescribeOptions): Promise<Facts | null> {
    signal?.throwIfAborted()
    const file = held.get(requireName(name))
    if (file === undefined) return null
    const known = await recall(file)
    if (isFresh(known, maxAge)) return known
    return { ...(await readFacts(file.bytes, known.modified)), evidence: 'read', age: 0 }
  }

  async function open(name: string, options: OpenOptions = {}): Promise<Opened | null> {
    options.signal?.throwIfAborted()
    const file = held.get(requireName(name))
    if (file === undefined) return null
    const facts = await recall(file)
    if (options.ifDigest !== undefined && options.ifDigest !== facts.digest) throw changed()
    const { offset, length } = options.range ?? { offset: 0, length: facts.size }
    if (offset + length > facts.size)
      throw new StorageError('out-of-range', 'the range lies outside the file')
    return { facts, body: toStream(fromBytes(file.bytes.slice(offset, offset + length)), options.signal) }
  }

  async function list(options: ListOptions = {}): Promise<Page> {
    options.signal?.throwIfAborted()
    const { prefix = '', after = '', limit = MAX_LISTING_PAGE } = options
    const size = Math.min(Math.max(limit, 1), MAX_LISTING_PAGE)
    const names = [...held.keys()].filter((n) => n.startsWith(prefix) && compareNames(n, after) > 0)
    const page = names.sort(compareNames).slice(0, size)
    const entries = await Promise.all(page.map(toEntry))
    return { entries, next: names.length > size ? (page.at(-1) ?? null) : null }
  }

  async function toEntry(name: string) {
    const { size, modified } = (await held.get(name)?.facts) ?? { size: 0, modified: null }
    return { name, size, modified }
  }

  async function put(name: string, body: ReadableStream<Uint8Array>, options: PutOptions): Promise<Facts> {
    try {
      options.signal?.throwIfAborted()
      requireReplaced((await held.get(requireName(name))?.facts)?.digest ?? null, options.replaces)
    } catch (error) {
      await body.cancel(error)
      throw error
    }
    const bytes = await readAll(toChunks(toStream(toChunks(body), options.signal)))
    options.signal?.throwIfAborted()
    const file = toFile(bytes, options.modified ?? Date.now())
    await requireProof(file.facts, options)
    for (;;) {
      const before = held.get(name)
      const current = await before?.facts
      requireReplaced(current?.digest ?? null, options.replaces)
      if (held.get(name) !== before) continue
      if (before && current && current.digest !== options.digest) keep(name, before.bytes, current)
      held.set(name, file)
      return { ...(await file.facts), evidence: 'read', age: 0 }
    }
  }

  function keep(name: string, bytes: KeptFile['bytes'], { digest, size, modified }: Held): void {
    kept.set(toKeptKey({ digest, name }), { name, digest, size, modified, kept: Date.now(), bytes })
  }

  async function listKept(options: ListKeptOptions = {}): Promise<KeptPage> {
    options.signal?.throwIfAborted()
    const { name, after = '', limit = MAX_LISTING_PAGE } = options
    if (name !== undefined) requireName(name)
    const size = Math.min(Math.max(limit, 1), MAX_LISTING_PAGE)
    const all = [...kept].filter(
      ([key, file]) => compareNames(key, after) > 0 && file.name === (name ?? file.name),
    )
    const page = all.sort(([a], [b]) => compareNames(a, b)).slice(0, size)
    const entries = page.map(([, { bytes, modified, ...entry }]) => entry)
    return { entries, next: all.length > size ? (page.at(-1)?.[0] ?? null) : null }
  }

  async function restore(name: string, { digest, replaces, signal }: RestoreOptions): Promise<Facts> {
    const file = kept.get(toKeptKey({ digest, name: requireName(name) }))
    if (file === undefined) throw notKept()
    const { size, modified } = file
    return await put(name, toStream(fromBytes(file.bytes)), { size, digest, replaces, modified, signal })
  }

  return {
    set,
    delete: (name) => void held.delete(name),
    describe: (names, options) => names.map((name) => describeOne(name, options ?? {})),
    open,
    list,
    put,
    listKept,
    restore,
  }
}

function toFile(bytes: Uint8Array<ArrayBuffer>, modified: number): File {
  return { bytes, facts: readFacts(bytes, modified), since: performance.now() }
}

async function readFacts(bytes: Uint8Array<ArrayBuffer>, modified: number | null): Promise<Held> {
  const digest = toDigest(await crypto.subtle.digest('SHA-256', bytes))
  return { size: bytes.length, digest, modified }
}

async function recall({ facts, since }: File): Promise<Facts> {
  const age = Math.floor((performance.now() - since) / 1000)
  return { ...(await facts), evidence: 'remembered', age }
}

async function requireProof(facts: Promise<Held>, expected: { size: number; digest: Digest }): Promise<void> {
  const { size, digest } = await facts
  if (size === expected.size && digest === expected.digest) return
  throw new StorageError('integrity', 'the bytes contradict their digest')
}

function requireReplaced(current: Digest | null, expected: Digest | null): void {
  if (current === expected) return
  throw new StorageError('precondition', 'the name does not hold what was to be replaced')
}

function changed(): StorageError {
  return new StorageError('changed', 'the file is no longer the one asked for')
}
