import { parseName, requireName } from '../../functions/storage/names.ts'
import type { Facts, Opened, OpenOptions, Storage } from '../../functions/storage/storage.ts'
import { fromBytes, toStream } from '../../functions/storage/streams.ts'
import type { Digest } from '../../functions/wire/digest.ts'
import type { Disk } from './disk.ts'
import { fromHeld, type Held } from './disk-messages.ts'
import { closeOpened } from './question.ts'
import type { Streams } from './streams.ts'

/** What a name holds, as the one who replaces it must know. */
export interface Current {
  readonly digest: Digest
}

/** Reads the files of one storage; null where there is no file of that name. */
export interface FileReader extends Pick<Storage, 'describe' | 'open'> {
  /** Of a valid name, or a path below a `.vouch/`. */
  readCurrent(name: string, options: Pick<OpenOptions, 'signal'>): Promise<Current | null>
  /** `open` of a path below a `.vouch/`. */
  openAt(path: string, options: Pick<OpenOptions, 'signal'>): Promise<Opened | null>
}

/** Reads through `disk`, and large files through `streams`; their owner closes both. */
export function createFileReader(disk: Disk, streams: Streams): FileReader {
  async function openOne(name: string, options: OpenOptions, own: boolean): Promise<Opened | null> {
    options.signal?.throwIfAborted()
    const { range, ifDigest, signal } = options
    const [promise] = disk.ask([{ name, own, open: { range: range && { ...range }, ifDigest } }], { signal })
    const held = (await promise) ?? null
    if (signal?.aborted) closeOpened(held)
    signal?.throwIfAborted()
    return held === null ? null : toOpened(held, options, streams)
  }

  return {
    describe(names, options = {}) {
      const wanted = [...new Set(names)].filter((name) => parseName(name) !== null)
      const asked = wanted.map((name) => ({ name, maxAge: options.maxAge }))
      const promises = disk.ask(asked, options)
      const answers = new Map(wanted.map((name, i) => [name, promises[i]?.then(toFacts)]))
      return names.map((name) => answers.get(name) ?? refuse(name))
    },
    async readCurrent(name, { signal }) {
      const [promise] = disk.ask([{ name, own: true }], { signal })
      return (await promise) ?? null
    },
    open: async (name, options = {}) => await openOne(requireName(name), options, false),
    openAt: (path, options) => openOne(path, options, true),
  }
}

/** Reads what lies below `top`, a path from the root on; '' is the root itself. */
export function createReaderBelow(reader: FileReader, top: string): FileReader {
  if (top === '') return reader
  const toName = (rest: string) => `${top}/${rest}`
  return {
    describe: (names, options) => reader.describe(names.map(toName), options),
    open: (name, options) => reader.open(toName(name), options),
    readCurrent: (name, options) => reader.readCurrent(toName(name), options),
    openAt: (path, options) => reader.openAt(toName(path), options),
  }
}

async function refuse(name: string): Promise<null> {
  requireName(name)
  return null
}

function toFacts(held: Held | null): Facts | null {
  return held === null ? null : fromHeld(held)
}

function toOpened(held: Held, { range, signal }: OpenOptions, streams: Streams): Opened {
  const { size, bytes, opened } = held
  const facts = fromHeld(held)
  if (opened === undefined) return { facts, body: toStream(fromBytes(bytes ?? new Uint8Array()), signal) }
  const whole = { offset: 0, length: size }
  const chunks = streams.read({ ...opened, range: range ?? whole })
  return { facts, body: toStream(chunks, signal), given: chunks.given }
}
