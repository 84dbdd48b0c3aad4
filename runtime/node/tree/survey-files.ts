import { hash } from 'node:crypto'
import { closeSync } from 'node:fs'
import { type Facts, isRecent, toAge } from '../../../functions/storage/facts.ts'
import type { Survey } from '../../../functions/storage/survey/survey.ts'
import type { Digest } from '../../../functions/wire/digest.ts'
import { changedWhileReadError } from '../../../functions/wire/errors.ts'
import type { PassedKind } from '../../../functions/wire/passed.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { findLack, type Knowledge } from '../digests/belief.ts'
import { createIndexCursor } from '../digests/index-cursor.ts'
import type { IndexFile } from '../digests/index-file.ts'
import { type IndexRow, isGenuine } from '../digests/index-table.ts'
import type { IndexWriter } from '../digests/index-writer.ts'
import { type Content, fromHeld } from '../disk/disk-messages.ts'
import { toIoError } from '../files/errno.ts'
import { createFileOpener } from '../files/file-opener.ts'
import {
  hasKey,
  type Identity,
  isSame,
  isSettled,
  isSettledAt,
  readIdentitySync,
  readUpTo,
  toIdentity,
  toKey,
  toTime,
  tryLstat,
  tryLstatQuickly,
} from '../files/identity.ts'
import type { RegularFile } from '../files/regular-file.ts'
import { type Place, toPath } from '../files/root.ts'
import { MAX_ATTEMPTS, MAX_PASS_FILES, READ_BYTES } from '../limits.ts'
import type { FileSystem } from '../mounts/file-system.ts'
import { type Trouble, toTrouble } from '../threads/messages.ts'
import { createSurveyBlocks } from './survey-blocks.ts'
import type { Hashed, StepOrder } from './tree-messages.ts'

/** What a file was before its bytes changed without a change of its size and times. */
interface Rotted {
  readonly from: Digest
  /** When the last reading began that found that: milliseconds since 1970. */
  readonly goodAt: number
}

export interface Slot {
  readonly name: string
  /** What is remembered of it, to compare with its bytes now. */
  readonly remembered: IndexRow | undefined
  /** Null once it is known to be gone; undefined while it is hashed elsewhere. */
  said: Facts | Trouble | null | undefined
  isKnown: boolean
  /** Whether the bytes differ from those remembered. The thread that answers reads must learn of it. */
  isRotten?: boolean
  rotted?: Rotted | undefined
  /** Why it is skipped; `said` is null then. */
  readonly passed?: PassedKind | undefined
}

/** What is known in one step of a survey, and what it has done. */
export interface Turn extends Knowledge, Pick<StepOrder, 'isPatient'> {
  computed: number
  bytes: number
  wantsSync: boolean
}

export type SurveyFiles = ReturnType<typeof createSurveyFiles>

/** Stands for a file that is not read before a sync has ended. */
export const UNSYNCED = Symbol('unsynced')

export interface SurveySources {
  readonly place: Place
  readonly index: IndexFile
  readonly writer: IndexWriter
  /** Contents of large files, as surveys of the same pass found them. */
  readonly passFiles: Map<string, Content>
}

/** Looks up and reads the files of a survey, on the calling thread, in the order of their names. */
export function createSurveyFiles(
  { place, index, writer, passFiles }: SurveySources,
  { grain, maxAge }: Pick<Survey, 'grain' | 'maxAge'>,
) {
  const cursor = createIndexCursor(index)
  const opener = createFileOpener(place)
  const blocks = createSurveyBlocks({ place, index, writer }, grain > 0 && maxAge === null)

  /** The facts of a file that is as the index has it, from a reading that is recent enough. */
  function recall(name: string, row: IndexRow, { system, now }: Turn): Facts | null {
    if (system === null || !isRecent(row.readAt, now, maxAge)) return null
    const path = toPath(place, name)
    // Spans need no modification time.
    return (grain > 0 ? recallQuickly(path, row, system, now) : null) ?? recallExactly(path, row, system, now)
  }

  /** The facts of a large file that an earlier survey of this pass hashed, if it shows no change since. */
  function recallFromPass(name: string, { now }: Turn): Facts | undefined {
    const content = passFiles.get(name)
    if (content === undefined || !isRecent(content.readAt, now, maxAge)) return undefined
    const stats = tryLstat(toPath(place, name))
    if (stats === null || !isSame(toIdentity(stats), content.identity)) return undefined
    const { identity } = content
    return toRecalled(identity.size, toTime(identity.modifiedNs), content, now)
  }

  /**
   * Whether another thread hashes the file: a large one, and, where readings must be recent, one that the
   * index does not know. The thread that answers reads may know it, and must learn what is found.
   */
  function isForOthers({ identity }: RegularFile, { remembered }: Slot, { system }: Turn): boolean {
    if (identity.size > READ_BYTES) return true
    return maxAge !== null && system !== null && remembered?.identity !== toKey(system.id, identity)
  }

  function hashSmall(file: RegularFile, slot: Slot, turn: Turn): Facts | undefined {
    const { name, remembered } = slot
    const { system, now } = turn
    const { identity, digest, lack } = hashWhole(file, turn)
    turn.computed++
    turn.bytes += identity.size
    if (lack === 'sync') turn.wantsSync = true
    if (system?.device === identity.device) {
      const row = { name, identity: toKey(system.id, identity), digest, readAt: Math.floor(now) }
      // The thread that answers reads must learn of it, and hashes the file once more.
      slot.isRotten = isRotten(row, remembered) && isSettled(identity, now)
      if (slot.isRotten) return undefined
      if (lack === null) {
        writer.add(row)
        blocks.add(row)
      }
    }
    const modified = grain > 0 ? null : toTime(identity.modifiedNs)
    return { size: identity.size, digest, modified, evidence: 'read', age: 0 }
  }

  return {
    findBlock: blocks.find,
    /** Looks a file up in the index; `said` is undefined when it has to be read. */
    find(name: string, turn: Turn): Slot {
      const row = cursor.seek(name)
      const written = row !== undefined && isGenuine(row) ? row : undefined
      const remembered = writer.find(name) ?? written
      const recalled = remembered && recall(name, remembered, turn)
      if (recalled) blocks.add(remembered)
      const said = recalled ?? recallFromPass(name, turn)
      return { name, remembered, said, isKnown: said !== undefined }
    },
    /** Reads a file that `find` did not know: undefined to hash it elsewhere, `UNSYNCED` before a sync. */
    read(slot: Slot, turn: Turn): Slot['said'] | typeof UNSYNCED {
      try {
        const file = opener.open(slot.name)
        if (file === null) return null
        try {
          if (turn.isPatient && lacksSync(file.identity, turn)) return UNSYNCED
          return isForOthers(file, slot, turn) ? undefined : hashSmall(file, slot, turn)
        } finally {
          closeSync(file.fd)
        }
      } catch (error) {
        // It has become a link or the like since the walk.
        if (error instanceof StorageError && error.code === 'not-a-file') return null
        return toTrouble(toIoError(error, 'read'))
      }
    },
    /** Takes what another thread found of a file. */
    take(slot: Slot, said: Hashed['said'], turn: Turn): void {
      const isHeld = said !== null && 'digest' in said
      slot.said = isHeld ? fromHeld(said) : said
      if (!isHeld) return
      if (said.content !== undefined && passFiles.size < MAX_PASS_FILES)
        passFiles.set(slot.name, said.content)
      slot.rotted = findRot(place, slot, said.digest, turn)
    },
    /** Closes what is open, before a pause and at the end. */
    rest: opener.rest,
    /** Called at the end. */
    end: blocks.flush,
  }
}

/** What a hashed file was when it had the same size and times; undefined where it did not rot. */
function findRot(place: Place, slot: Slot, digest: Digest, { system, now }: Turn): Rotted | undefined {
  const { name, remembered } = slot
  const stats = tryLstat(toPath(place, name))
  if (system === null || stats?.dev !== system.device) return undefined
  const identity = toIdentity(stats)
  if (!isSettled(identity, now)) return undefined
  const row = { identity: toKey(system.id, identity), digest }
  if (remembered === undefined || !isRotten(row, remembered)) return undefined
  return { from: remembered.digest, goodAt: remembered.readAt }
}

/** The facts that a span is made of, its size and its digest, by a stat that costs half. */
function recallQuickly(path: string, row: IndexRow, { device, id }: FileSystem, now: number): Facts | null {
  const stats = tryLstatQuickly(path)
  if (!stats?.isFile() || stats.dev !== Number(device)) return null
  if (!isSettledAt(Math.max(stats.mtimeMs, stats.ctimeMs), stats.size, now)) return null
  return hasKey(stats, Number(id), row.identity) ? toRecalled(stats.size, null, row, now) : null
}

function recallExactly(path: string, row: IndexRow, { device, id }: FileSystem, now: number): Facts | null {
  const stats = tryLstat(path)
  if (!stats?.isFile() || stats.dev !== device) return null
  const identity = toIdentity(stats)
  const isUnchanged = isSettled(identity, now) && toKey(id, identity) === row.identity
  return isUnchanged ? toRecalled(identity.size, toTime(identity.modifiedNs), row, now) : null
}

/** The facts of a file whose digest is remembered. */
function toRecalled(
  size: number,
  modified: number | null,
  { digest, readAt }: Pick<IndexRow, 'digest' | 'readAt'>,
  now: number,
): Facts {
  return { size, digest, modified, evidence: 'remembered', age: toAge(readAt, now) }
}

/** Whether only a sync is missing for a small file's digest to be remembered. */
function lacksSync(identity: Identity, turn: Turn): boolean {
  return identity.size <= READ_BYTES && findLack(identity, turn) === 'sync'
}

/** Whether the bytes are not those that had the same size and times. */
function isRotten(row: Pick<IndexRow, 'identity' | 'digest'>, remembered: IndexRow | undefined): boolean {
  return remembered !== undefined && row.identity === remembered.identity && row.digest !== remembered.digest
}

const scratch = new Uint8Array(READ_BYTES)

/** Hashes a small file that keeps still. `lack`: what `findLack` says before the read. */
function hashWhole(file: RegularFile, knowledge: Knowledge) {
  let { identity } = file
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    if (identity.size > READ_BYTES) break
    const lack = findLack(identity, knowledge)
    const bytes = readUpTo(file.fd, scratch.subarray(0, identity.size), 0)
    const small = { identity, digest: hash('sha256', bytes, 'hex'), lack }
    const isWhole = bytes.length === identity.size
    // A later change shows: the digest would be remembered for an identity that no file has any more.
    if (isWhole && lack === null) return small
    identity = readIdentitySync(file.fd)
    if (isWhole && isSame(identity, small.identity)) return small
  }
  throw changedWhileReadError()
}
