import { fromBytes, toStream } from '../../../functions/bytes/chunks.ts'
import type { Facts } from '../../../functions/storage/facts.ts'
import { parseName, requireName } from '../../../functions/storage/names.ts'
import type { Opened, OpenOptions, Storage } from '../../../functions/storage/storage.ts'
import type { Disk } from '../disk/disk.ts'
import { fromHeld, type Held } from '../disk/disk-messages.ts'
import { closeOpened } from '../disk/question.ts'
import type { Streams } from '../disk/streams.ts'

/** Reads the files of one storage; returns null where there is no file of that name. */
export interface FileReader extends Pick<Storage, 'describe' | 'open'> {
  /** The digest of a valid name, or of a path below a `.vouch/`. */
  readCurrent(name: string, options: Pick<OpenOptions, 'signal'>): Promise<Pick<Facts, 'digest'> | null>
  /** Opens a path below a `.vouch/`. */
  openAt(path: string, options: Pick<OpenOptions, 'signal'>): Promise<Opened | null>
}

/** Reads through `disk`, large files through `streams`. Their owner closes both. */
export function createFileReader(disk: Disk, streams: Streams): FileReader {
  async function openOne(name: string, options: OpenOptions, own: boolean): Promise<Opened | null> {
    options.signal?.throwIfAborted()
    const { range, ifDigest, signal } = options
    const extra = { own, open: { range: range && { ...range }, ifDigest } }
    const [promise] = disk.ask([{ name, extra }], { signal })
    const held = (await promise) ?? null
    if (signal?.aborted) closeOpened(held)
    signal?.throwIfAborted()
    return held === null ? null : toOpened(held, options, streams)
  }

  return {
    describe(names, options = {}) {
      const wanted = [...new Set(names)].filter((name) => parseName(name) !== null)
      const { maxAge } = options
      const extra = maxAge === undefined ? undefined : { maxAge }
      const questions = wanted.map((name) => ({ name, extra }))
      const promises = disk.ask(questions, options)
      const toFacts = (held: Held | null) => held && fromHeld(held)
      const answers = new Map(wanted.map((name, i) => [name, promises[i]?.then(toFacts)]))
      return names.map((name) => answers.get(name) ?? refuse(name))
    },
    async readCurrent(name, { signal }) {
      const [promise] = disk.ask([{ name, extra: { own: true } }], { signal })
      return (await promise) ?? null
    },
    open: async (name, options = {}) => await openOne(requireName(name), options, false),
    openAt: (path, options) => openOne(path, options, true),
  }
}

/** Reads below `top`, a path below the root; '' is the root itself. */
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

function toOpened(held: Held, { range, signal }: OpenOptions, streams: Streams): Opened {
  const { size, bytes, opened } = held
  const facts = fromHeld(held)
  if (opened === undefined) return { facts, body: toStream(fromBytes(bytes ?? new Uint8Array()), signal) }
  const whole = { offset: 0, length: size }
  const chunks = streams.read({ ...opened, range: range ?? whole })
  return { facts, body: toStream(chunks, signal), digestSoFar: chunks.digestSoFar }
}
