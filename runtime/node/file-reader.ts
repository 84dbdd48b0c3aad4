import { requireName } from '../../functions/storage/names.ts'
import type { Facts, Opened, OpenOptions } from '../../functions/storage/storage.ts'
import type { Digest } from '../../functions/wire/digest.ts'
import type { ByteRange } from '../../functions/wire/ranges.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { createDigestMemory } from './digest-memory.ts'
import { toIoError } from './errno.ts'
import { createBody } from './file-body.ts'
import { type Content, changed, type HashOptions, readContent } from './file-digest.ts'
import { toModified } from './identity.ts'
import { MAX_REMEMBERED_DIGESTS, READ_BYTES } from './limits.ts'
import { openFile, type RegularFile, withFile } from './regular-file.ts'
import type { Root } from './root.ts'

/** What a name holds, as the one who replaces it must know. */
export interface Current {
  readonly digest: Digest
  /** Permission bits. */
  readonly mode: number
}

/** Reads the files below one root, one at a time; null everywhere when there is no file of that (valid) name. */
export interface FileReader {
  /** Facts, or `slow` without having hashed when that would take more than one read. */
  readQuickFacts(name: string, options: HashOptions): Promise<Facts | null | 'slow'>
  /** Facts, however long they take. */
  readFacts(name: string, options: HashOptions): Promise<Facts | null>
  readCurrent(name: string, options: HashOptions): Promise<Current | null>
  /** See `Storage.open`. */
  open(name: string, options?: OpenOptions): Promise<Opened | null>
}

/** Reads below `root`; `now` is in milliseconds since 1970. */
export function createFileReader(root: Root, now: () => number): FileReader {
  const memory = createDigestMemory(MAX_REMEMBERED_DIGESTS)

  async function read(file: RegularFile, options: HashOptions): Promise<Content> {
    options.signal?.throwIfAborted()
    return await readContent(file, memory, { ...options, now })
  }

  async function readFacts(name: string, options: HashOptions): Promise<Facts | null> {
    return await withFile(root, name, async (file) => toFacts(await read(file, options)))
  }

  async function readQuickFacts(name: string, options: HashOptions): Promise<Facts | null | 'slow'> {
    options.signal?.throwIfAborted()
    return await withFile(root, name, async (file) =>
      isQuick(file) ? toFacts(await read(file, options)) : 'slow',
    )
  }

  async function readCurrent(name: string, options: HashOptions): Promise<Current | null> {
    return await withFile(root, name, async (file) => {
      const { digest } = await read(file, options)
      return { digest, mode: file.mode }
    })
  }

  function isQuick({ identity }: RegularFile): boolean {
    return identity.size <= READ_BYTES || memory.get(identity) !== undefined
  }

  async function open(name: string, options: OpenOptions = {}): Promise<Opened | null> {
    requireName(name)
    options.signal?.throwIfAborted()
    const file = await openFile(root, name)
    if (file === null) return null
    let opened: Opened | null = null
    try {
      const content = await read(file, { signal: options.signal })
      options.signal?.throwIfAborted()
      opened = toOpened(file, content, options)
      return opened
    } catch (error) {
      throw toIoError(error, 'read')
    } finally {
      // From here on the body owns the handle.
      if (opened === null) await file.handle.close()
    }
  }

  return { readQuickFacts, readFacts, readCurrent, open }
}

function toOpened({ handle }: RegularFile, content: Content, options: OpenOptions): Opened {
  const { size } = content.identity
  if (options.ifDigest !== undefined && options.ifDigest !== content.digest) throw changed()
  if (options.range !== undefined && !isWithin(options.range, size)) {
    throw new StorageError('out-of-range', `the range lies outside the file's ${size} bytes`)
  }
  const range = options.range ?? { offset: 0, length: size }
  return { facts: toFacts(content), body: createBody(handle, content, range, options.signal) }
}

function isWithin({ offset, length }: ByteRange, size: number): boolean {
  return offset >= 0 && length >= 1 && offset + length <= size
}

function toFacts({ identity, digest }: Content): Facts {
  return { size: identity.size, digest, modified: toModified(identity), evidence: 'computed' }
}
