import { statSync } from 'node:fs'
import fc from 'fast-check'
import { hasKey, type Identity, isSame, isSettledAt } from '../files/identity.ts'
import { CLOCK_STEP_MS } from '../limits.ts'
import type { FileSystem } from '../mounts/file-system.ts'
import { findLack, type Synced } from './belief.ts'
import { createDisk, type Event, type Traits } from './belief-disk.suite.ts'
import { createDigestIndex, type DigestIndex } from './digest-index.ts'
import { decodeBlock, encodeBlock, hasFile, readFile } from './index-block.ts'
import type { IndexFile } from './index-file.ts'
import type { IndexPageRow } from './index-table.ts'

// Histories of files, and a reader that remembers digests of them by the rules of this folder.

/** One step of a history. */
export type Step =
  | Event
  /** The clock is set; nothing else happens meanwhile. */
  | { readonly do: 'set clock'; readonly ms: number }
  /** The reader syncs, and things happen before and after the pages are clean. */
  | { readonly do: 'sync'; readonly before: readonly Event[]; readonly after: readonly Event[] }
  /** The reader is asked, and things happen before and after it reads the bytes. */
  | {
      readonly do: 'ask'
      readonly file: number
      readonly how: 'read' | 'hash' | 'survey'
      readonly before: readonly Event[]
      readonly after: readonly Event[]
    }
  | { readonly do: 'restart' }

const file = fc.constantFrom(0, 0, 0, 1)
const ms = fc.constantFrom(0, 1100, 2500, 2500, 7000, 12_000, 12_000, 30_000)
const how = fc.constantFrom('read' as const, 'hash' as const, 'survey' as const)

const call = fc.record({
  do: fc.constant('call' as const),
  file,
  part: fc.double({ min: 0, max: 0.99, noNaN: true }),
})

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('store', 'store', 'store', 'flush', 'write', 'replace', 'restore times'),
      file,
    }),
  },
  { weight: 2, arbitrary: call },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('link' as const), file, to: file }) },
  { weight: 1, arbitrary: fc.constant({ do: 'remount' as const }) },
)
const few = fc.array(event, { maxLength: 2 })

const clock = fc.record({
  do: fc.constant('set clock' as const),
  ms: fc.constantFrom(-40_000, -5000, -1500, 3000, 60_000),
})

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: event },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms }) },
  { weight: 1, arbitrary: clock },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('sync' as const), before: few, after: few }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('ask' as const),
      ...{ file, how },
      ...{ before: few, after: few },
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
)

/** Changes that are hard to detect. */
const stir: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: fc.constant({ do: 'store' as const, file: 0 }) },
    { weight: 2, arbitrary: call },
    { weight: 1, arbitrary: event },
  ),
  { maxLength: 2 },
)

/** Steps among which a digest is often remembered, and believed where it should not be. */
const asking: fc.Arbitrary<Step[]> = fc
  .record({
    ...{ file, how, syncs: fc.boolean(), set: fc.option(clock, { freq: 2 }) },
    events: fc.tuple(stir, few, few, stir, few, stir),
    waits: fc.tuple(ms, ms, ms),
  })
  .map(({ file, how, syncs, set, events: [first, before, after, next, during, between], waits }) => [
    ...first,
    { do: 'wait', ms: waits[0] },
    ...(syncs ? [{ do: 'sync' as const, before, after }] : []),
    ...(set === null ? [] : [set]),
    ...next,
    { do: 'wait', ms: waits[1] },
    { do: 'ask', file, how, before: [], after: during },
    ...between,
    { do: 'wait', ms: waits[2] },
    { do: 'ask', file, how, before: [], after: [] },
  ])

/** Histories of a few files. */
export const history: fc.Arbitrary<Step[]> = fc
  .array(fc.oneof({ weight: 1, arbitrary: step.map((one) => [one]) }, { weight: 1, arbitrary: asking }), {
    minLength: 2,
    maxLength: 16,
  })
  .map((steps) => steps.flat())

/** An index file that outlives its writers. */
function createRows(): IndexFile & { readonly rows: Map<string, IndexPageRow> } {
  const rows = new Map<string, IndexPageRow>()
  const blocks = new Map<string, Uint8Array>()
  let epoch = 0
  return {
    rows,
    readEpoch: () => epoch,
    readBlock: (first) => blocks.get(first),
    writeBlocks(made, since) {
      if (since === epoch) for (const { first, data } of made) blocks.set(first, data)
    },
    read(name, identity) {
      const row = rows.get(name)
      return row?.identity === identity ? row : undefined
    },
    readPage: () => [...rows.values()],
    write(written) {
      for (const row of written) {
        const before = rows.get(row.name)
        blocks.delete(row.name)
        if (before?.identity === row.identity && before.digest !== row.digest) {
          blocks.clear()
          epoch++
        }
        rows.set(row.name, { ...row, seal: 0 })
      }
      return true
    },
    readRoot: () => undefined,
    writeRoot: () => {},
    close: () => {},
  }
}

/** A remembered digest that was returned for other bytes. */
export interface Wrong {
  readonly step: number
  readonly remembered: string
  readonly held: string
}

const SYSTEM: FileSystem = { path: '/', device: 1n, id: 1n }

/** The first wrong digest of a history on a file system with these traits, or null. */
export function findWrong(
  traits: Traits,
  steps: readonly Step[],
): { wrong: Wrong | null; remembered: number } {
  const disk = createDisk(traits)
  const rows = createRows()
  let index = createDigestIndex(rows)
  let synced: (Synced & { readonly offset: number }) | null = null
  let remembered = 0

  /** As `Syncs` does: none from before the clock was set. */
  function readSynced(): Synced | null {
    const offset = disk.now() - disk.mono()
    return synced !== null && Math.abs(synced.offset - offset) <= CLOCK_STEP_MS ? synced : null
  }

  function sync({ before, after }: Extract<Step, { do: 'sync' }>): void {
    const at = disk.now()
    const offset = at - disk.mono()
    before.forEach(disk.happen)
    disk.sync()
    after.forEach(disk.happen)
    synced = { id: SYSTEM.id, at, offset }
  }

  function ask({ file, how, before, after }: Extract<Step, { do: 'ask' }>): string | null {
    const [now, usable, name, opened] = [disk.now(), readSynced(), String(file), disk.open(file)]
    const identity = opened.stat()
    const known = how === 'survey' ? recall(rows, name, identity, now) : recollect(index, name, identity, now)
    if (known !== undefined) return known
    before.forEach(disk.happen)
    const lack = findLack(identity, { system: SYSTEM, now, synced: usable })
    const isSure = lack === null || (lack === 'sync' && how === 'hash')
    if (how === 'hash') opened.sync()
    const digest = toDigest(opened.read())
    after.forEach(disk.happen)
    if (isSame(opened.stat(), identity)) {
      index.set(name, { identity, digest, readAt: Math.floor(now), systemId: isSure ? SYSTEM.id : null })
    }
    return null
  }

  for (const [i, step] of steps.entries()) {
    if (step.do === 'set clock') {
      // Set back, a coarse clock may show a time again; set forward, a clock makes a call look older.
      const isCovered = step.ms < 0 ? traits.tick === 0 : !disk.isCalled()
      if (isCovered || traits.isClockFree) disk.setClock(step.ms)
    } else if (step.do === 'sync') sync(step)
    else if (step.do === 'restart') {
      index.close()
      index = createDigestIndex(rows)
    } else if (step.do === 'ask') {
      const found = ask(step)
      const held = toDigest(disk.open(step.file).read())
      if (found !== null) remembered++
      if (found !== null && found !== held) return { wrong: { step: i, remembered: found, held }, remembered }
    } else disk.happen(step)
  }
  index.close()
  return { wrong: null, remembered }
}

/** As reads do, by the memory and the rows of the file. */
function recollect(index: DigestIndex, name: string, identity: Identity, now: number): string | undefined {
  return index.get(name, identity, { system: SYSTEM, now })?.digest
}

/** As a survey does, by stats in plain numbers, and the block or the row of the file. */
function recall(index: ReturnType<typeof createRows>, name: string, identity: Identity, now: number) {
  const row = index.rows.get(name)
  if (row === undefined || row.readAt > now) return undefined
  const [mtimeMs, ctimeMs] = [Number(identity.modifiedNs) / 1e6, Number(identity.changedNs) / 1e6]
  if (!isSettledAt(Math.max(mtimeMs, ctimeMs), identity.size, now)) return undefined
  const stats = Object.assign(STATS, { ino: Number(identity.inode), size: identity.size, mtimeMs, ctimeMs })
  const bytes = index.readBlock(name)
  const block = bytes && decodeBlock(bytes, SYSTEM.id, [name])
  if (block && hasFile(block, 0, stats, now)) return readFile(block, 0).digest
  if (!hasKey(stats, Number(SYSTEM.id), row.identity)) return undefined
  const made = encodeBlock([row])
  if (made !== null) index.writeBlocks([{ first: name, last: name, data: made }], index.readEpoch() ?? 0)
  return row.digest
}

/** Stats of some file; the tested members are assigned. */
const STATS = statSync(import.meta.filename)

function toDigest(content: number): string {
  return String(content).padStart(64, '0')
}
