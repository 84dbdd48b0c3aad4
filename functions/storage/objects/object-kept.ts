import { fromBytes, readAll, toChunks, toStream } from '../../bytes/chunks.ts'
import { toDigest } from '../../wire/digest.ts'
import { MAX_NAME_BYTES } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { parseName, RESERVED, requireName } from '../names.ts'
import type { Kept, KeptPage, ListKeptOptions } from '../storage.ts'
import { toPageSize } from '../survey/page-builder.ts'
import { collect } from './object-pages.ts'
import type { ObjectInfo, Objects, ObjectWrites, OpenedObject } from './objects.ts'

/** Where replaced contents are kept, and the names that are too long for their keys. */
const KEPT = `${RESERVED}/kept/`
const NAMES = `${RESERVED}/names/`

type Which = Pick<Kept, 'digest' | 'name'>

/** The replaced contents of the objects below `root`: copies whose keys contain the digest and the name. */
export function createObjectKept(objects: Objects, root: string) {
  /** Copies an object to its place among the kept contents; resolves once the copy is durable. */
  async function keep(
    writes: ObjectWrites,
    which: Which,
    info: ObjectInfo,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { key, long } = await toPlace(which)
    if (long !== undefined) await writeName(writes, long, which.name, signal)
    await writes.copy(info, key, signal)
  }

  /** Opens a kept content, or null. The caller reads its body to the end or cancels it. */
  async function open(which: Which, signal: AbortSignal | undefined): Promise<OpenedObject | null> {
    return await objects.get((await toPlace(which)).key, { version: null, signal })
  }

  /** The key of a kept content, and the key of its name where that is too long for the first. */
  async function toPlace({ digest, name }: Which): Promise<{ key: string; long?: string }> {
    const key = `${root}${KEPT}${digest}/${name}`
    const bytes = new TextEncoder().encode(key)
    if (bytes.length <= MAX_NAME_BYTES) return { key }
    const hash = toDigest(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(name)))
    const room = MAX_NAME_BYTES - hash.length - 1
    const start = new TextDecoder().decode(bytes.subarray(0, room)).replace(/\ufffd+$/, '')
    // No valid name contains a backslash.
    return { key: `${start}\\${hash}`, long: root + NAMES + hash }
  }

  async function writeName(
    writes: ObjectWrites,
    key: string,
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if ((await objects.head(key, signal)) !== null) return
    const bytes = new TextEncoder().encode(name)
    const digest = toDigest(await crypto.subtle.digest('SHA-256', bytes))
    const options = { size: bytes.length, digest, over: null, modified: null, signal }
    try {
      await writes.put(key, toStream(fromBytes(bytes)), options)
    } catch (error) {
      // Another writer has just written the same name.
      if (!(error instanceof StorageError && error.code === 'precondition')) throw error
    }
  }

  async function toKept(info: ObjectInfo, signal: AbortSignal | undefined): Promise<Kept | null> {
    const key = info.key.slice(root.length + KEPT.length)
    const digest = key.slice(0, 64)
    const text = key.slice(65)
    const [, hash] = /\\([0-9a-f]{64})$/.exec(text) ?? []
    const name = hash === undefined ? text : await readName(root + NAMES + hash, signal)
    if (name === null || parseName(name) === null) return null
    return { name, digest, size: info.size, kept: info.modified }
  }

  async function readName(key: string, signal: AbortSignal | undefined): Promise<string | null> {
    const opened = await objects.get(key, { version: null, signal })
    return opened && new TextDecoder().decode(await readAll(toChunks(opened.body)))
  }

  /** As `Storage.listKept`. */
  async function list({ name, after = '', limit, signal }: ListKeptOptions = {}): Promise<KeptPage> {
    if (name !== undefined) requireName(name)
    signal?.throwIfAborted()
    const { found, next } = await collect(objects, root, {
      prefix: root + KEPT,
      after: await toStart(after),
      size: toPageSize(limit),
      signal,
      async pick(info) {
        const kept = await toKept(info, signal)
        return kept !== null && kept.name === (name ?? kept.name) ? kept : null
      },
    })
    return { entries: found, next: next && `${next.digest}/${next.name}` }
  }

  async function toStart(after: string): Promise<string> {
    const [digest, name] = [after.slice(0, 64), after.slice(65)]
    if (name === '') return after && root + KEPT + after
    return (await toPlace({ digest, name })).key
  }

  return { keep, open, list }
}
