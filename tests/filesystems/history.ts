import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type Answered, openBoth, toDigest } from './asked.ts'
import { type Case, toCases } from './cases.ts'
import { mount, run, unmount } from './commands.ts'
import type { FileSystem, Volume } from './file-systems.ts'
import { createPlace, type Place, QUIET_MS } from './place.ts'
import { startWriter, type Writer } from './writer.ts'

/** When a file is requested. */
export type Moment =
  | 'unchanged'
  | 'inside'
  | 'at once'
  | 'later'
  | 'after a restart'
  | 'changed meanwhile'
  | 'cache dropped'

/** The answers about one file at one moment. */
export interface Seen extends Answered {
  readonly moment: Moment
  /** The digest of the last written content; null if only a read can determine it. */
  readonly written: string | null
  /** Whether that differs from what the plain copy holds. */
  readonly isChanged: boolean
}

/** The results of all cases on one file system. */
export interface History {
  readonly seen: ReadonlyMap<string, readonly Seen[]>
  /** By name: the system's words to the change, where it was refused. */
  readonly refused: ReadonlyMap<string, string>
}

/** A file that does not change, and one that is written by one long call. */
export const QUIET = 'quiet'
export const LONG = 'long'

const BYTES = 8192
const LONG_BYTES = 16 * 1024 * 1024
/** Slow enough that the call lasts beyond the time that a small file has to be left alone. */
const SOURCE_BYTES_PER_S = 3 * 1024 * 1024
/** More than two syncs are apart. */
const SYNC_MS = 1500

/** Three contents of a file, of one size. */
const [OLD = '', NEW = '', NEWER = ''] = ['a', 'b', 'c'].map((letter) => letter.repeat(BYTES))
const PUNCHED = OLD.slice(0, BYTES / 2) + '\0'.repeat(BYTES / 2)

/** The file after `change`. */
function toWritten({ isOpaque }: Case, deed: string, text: string): string | null {
  if (isOpaque) return null
  if (deed === 'punch') return toDigest(PUNCHED)
  return toDigest(deed === 'lengthen' ? text + text : text)
}

/** Runs every case on one file system; takes half a minute, most of it waiting. */
export async function runHistory(system: FileSystem): Promise<History> {
  const place = await createPlace()
  try {
    const work = join(place.disk, 'work')
    mkdirSync(work)
    const volume = await system.make(work)
    await volume.mount(place.root)
    try {
      return await runOn(system, volume, place)
    } finally {
      await volume.unmount(place.root)
    }
  } finally {
    await place.close()
  }
}

async function runOn(system: FileSystem, volume: Volume, place: Place): Promise<History> {
  const slow = await mountSlowSource(place)
  const [writer, longWriter] = [startWriter(), startWriter()]
  const asked = openBoth(place.root, place.plain, place.index)
  const seen = new Map<string, Seen[]>()
  const refused = new Map<string, string>()
  const cases = toCases(system)
  const written = new Map<string, string | null>()
  const originals = new Map<string, string | null>()

  async function ask(moment: Moment, names: Iterable<string>): Promise<void> {
    for (const name of names) {
      const now = written.get(name) ?? null
      const answered = await asked.ask(name)
      if (!originals.has(name)) originals.set(name, now)
      const isChanged = now === null ? moment !== 'unchanged' : now !== originals.get(name)
      seen.set(name, [...(seen.get(name) ?? []), { ...answered, moment, written: now, isChanged }])
    }
  }

  async function change(round: 0 | 1, text: string): Promise<void> {
    for (const one of cases) {
      if (refused.has(one.name)) continue
      const deed = one.changes[round]
      const top = one.isBehind ? (volume.behind ?? place.root) : place.root
      const refusal = await writer.do(deed, join(top, one.name + (one.suffix ?? '')), text)
      if (refusal === null) written.set(one.name, toWritten(one, deed, text))
      else refused.set(one.name, refusal)
    }
  }

  try {
    await setUp(cases, writer, place, refused)
    for (const one of cases) written.set(one.name, one.isOpaque ? null : toDigest(OLD))
    for (const name of [QUIET, LONG]) written.set(name, toDigest(name === LONG ? createLong('a') : OLD))
    await setTimeout(QUIET_MS)
    for (const { name, stir } of cases)
      if (stir !== undefined && !refused.has(name)) await writer.do(stir, join(place.root, name), OLD)
    await setTimeout(QUIET_MS)
    // The second request finds a digest that a sync since the first allows to remember.
    await ask('unchanged', written.keys())
    await setTimeout(SYNC_MS)
    await ask('unchanged', written.keys())

    const call = longWriter.do('write long', join(place.root, LONG), join(slow.at, LONG))
    await setTimeout(QUIET_MS)
    written.set(LONG, null)
    await ask('inside', [LONG])
    const refusal = await call
    if (refusal !== null) throw new Error(`the long call failed: ${refusal}`)
    written.set(LONG, toDigest(createLong('b')))

    await change(0, NEW)
    await ask('at once', written.keys())
    await setTimeout(QUIET_MS)
    await ask('later', written.keys())
    await setTimeout(SYNC_MS)
    await ask('later', written.keys())
    await asked.stop()
    asked.start()
    await ask('after a restart', written.keys())
    await asked.stop()
    await change(1, NEWER)
    asked.start()
    await ask('changed meanwhile', written.keys())
    writeFileSync('/proc/sys/vm/drop_caches', '3')
    await ask('cache dropped', written.keys())
    return { seen, refused }
  } finally {
    await asked.stop()
    await writer.close()
    await longWriter.close()
    await slow.unmount()
  }
}

async function setUp(
  cases: readonly Case[],
  writer: Writer,
  { root, plain }: Place,
  refused: Map<string, string>,
) {
  for (const { setUp, name } of cases) {
    const refusal = await writer.do(setUp, join(root, name), OLD)
    if (refusal !== null) refused.set(name, refusal)
    mkdirSync(dirname(join(plain, name)), { recursive: true })
    await run('cp', join(root, name), join(plain, name))
  }
  for (const top of [root, plain]) {
    writeFileSync(join(top, QUIET), OLD)
    writeFileSync(join(top, LONG), createLong('a'))
  }
}

function createLong(letter: string): Uint8Array {
  return Buffer.alloc(LONG_BYTES, letter)
}

/** A directory that gives the new content of the long file slowly. */
async function mountSlowSource({ disk }: Place) {
  const [source, at] = [join(disk, 'source'), join(disk, 'slow')]
  for (const directory of [source, at]) mkdirSync(directory)
  writeFileSync(join(source, LONG), createLong('b'))
  await mount(at, 'bindfs', `--read-rate=${SOURCE_BYTES_PER_S}`, source, at)
  return { at, unmount: () => unmount(at) }
}
