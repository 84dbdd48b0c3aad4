import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fstatSync, type Stats } from 'node:fs'
import { type FileHandle, lstat } from 'node:fs/promises'
import type { Modes, Unkept } from '../../../functions/wire/attributes.ts'
import { COPY_ATTRIBUTES_MS, MAX_CLOCK_STEP_MS } from '../limits.ts'
import { copyByShell } from './attribute-shell.ts'
import { hasDescriptorPaths } from './directory.ts'
import { isAbsence, toIoError } from './errno.ts'
import { toTime } from './identity.ts'
import { type Place, toPath } from './root.ts'

const PERMISSIONS = 0o777
/** Set-user-id, set-group-id, sticky. */
const SPECIAL = 0o7000
const SET_GROUP_ID = 0o2000
/** What GNU cp needs of a file to set its attributes. */
const OWNER_READS_AND_WRITES = 0o600

/**
 * Gives the new file `to` the permissions, owner, group and extended attributes (ACLs are such) of the file
 * open as `from`, and `withTime` its modification time to the nanosecond; returns those that it could not.
 * Node has no call for extended attributes: GNU cp copies them, by the paths of the two descriptors. Set-id
 * bits are dropped where owner or group are not kept.
 */
export async function copyAttributes(
  from: number,
  to: FileHandle,
  { withTime }: { readonly withTime: boolean },
): Promise<Unkept[]> {
  const wanted = fstatSync(from)
  await to.chmod((wanted.mode & PERMISSIONS) | OWNER_READS_AND_WRITES)
  const isOwned = await tryOwner(to, wanted)
  const mode = wanted.mode & (isOwned ? PERMISSIONS | SPECIAL : PERMISSIONS)
  const isModeSafe = mode === (wanted.mode & (PERMISSIONS | SPECIAL))
  const kinds = ['xattr', isModeSafe ? 'mode' : [], withTime ? 'timestamps' : []].flat()
  const isCopied = (await runCopy(kinds, from, to.fd)) && isModeSafe
  await attempt(to.chmod(mode))
  const untimed = withTime ? await keepTime(from, to) : []
  const now = await to.stat()
  const lost: (Unkept | false)[] = [
    (now.mode & (PERMISSIONS | SPECIAL)) !== (wanted.mode & (PERMISSIONS | SPECIAL)) && 'mode',
    now.uid !== wanted.uid && 'owner',
    now.gid !== wanted.gid && 'group',
    !isCopied && 'attributes',
  ]
  return [...untimed, ...lost.filter((one) => one !== false)]
}

async function tryOwner(to: FileHandle, wanted: Pick<Stats, 'uid' | 'gid'>): Promise<boolean> {
  const { uid, gid } = await to.stat()
  if (uid === wanted.uid && gid === wanted.gid) return true
  if (await attempt(to.chown(wanted.uid, wanted.gid))) return true
  // A process that may not give a file away may still belong to its group.
  await attempt(to.chown(uid, wanted.gid))
  return false
}

async function keepTime(from: number, to: FileHandle): Promise<Unkept[]> {
  const [wanted, now] = [fstatSync(from, { bigint: true }), await to.stat({ bigint: true })]
  const ms = toTime(wanted.mtimeNs)
  return wanted.mtimeNs === now.mtimeNs || ms === null ? [] : await setModified(to, ms)
}

/** Whether GNU cp copied these attributes; false where it is missing, or descriptors have no paths. */
async function runCopy(kinds: readonly string[], from: number, to: number): Promise<boolean> {
  if (!hasDescriptorPaths()) return false
  return (await copyByShell(kinds, from, to)) || (await copyByProcess(kinds, from, to))
}

/** As `copyByShell`, by a cp that inherits the two descriptors. */
async function copyByProcess(kinds: readonly string[], from: number, to: number): Promise<boolean> {
  const options = ['--attributes-only', `--preserve=${kinds.join(',')}`]
  try {
    const child = spawn('cp', [...options, '--', '/proc/self/fd/3', '/proc/self/fd/4'], {
      stdio: ['ignore', 'ignore', 'ignore', from, to],
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
      timeout: COPY_ATTRIBUTES_MS,
    })
    const [code] = await once(child, 'close')
    return code === 0
  } catch {
    // Not installed, or not permitted.
    return false
  }
}

/** Sets a modification time, in ms since 1970, as exactly as possible; returns what it could not. */
export async function setModified(file: FileHandle, ms: number): Promise<Unkept[]> {
  const isSet = await attempt(file.utimes(new Date(), toFileTime(ms)))
  return isSet && isModified(await file.stat(), ms) ? [] : ['modified']
}

/** A time in ms since 1970 as Node's `utimes` takes it. */
export function toFileTime(ms: number): number | Date {
  // Doubles hold such seconds to a quarter of a microsecond: half of one more keeps the millisecond from
  // being cut off. Node takes a number below zero for the present, but not a Date.
  return ms < 0 ? new Date(ms) : (ms + 0.0005) / 1000
}

/** Whether a file was modified at `ms`, as exactly as its file system keeps times. */
export function isModified({ mtimeMs }: Pick<Stats, 'mtimeMs'>, ms: number): boolean {
  return Math.abs(mtimeMs - ms) < MAX_CLOCK_STEP_MS
}

/** Gives a new file `mode`, if given, and the group of a set-group-id `parent`; returns what it could not. */
export async function dressNew(file: FileHandle, parent: FileHandle, mode?: number): Promise<Unkept[]> {
  const [above, now] = [await parent.stat(), await file.stat()]
  const isInherited = (above.mode & SET_GROUP_ID) !== 0 && above.gid !== now.gid
  const isGroupSet = !isInherited || (await attempt(file.chown(now.uid, above.gid)))
  if (mode !== undefined) await file.chmod(mode & PERMISSIONS)
  return isGroupSet ? [] : ['group']
}

/**
 * Gives a new directory these permissions, some of which the process's mask may have removed. It stays
 * writable for its owner, and keeps what it inherited: a change of mode would remove the set-group-id bit
 * where the caller does not belong to the group, so such a directory keeps its narrower mode.
 */
export async function dressDirectory(directory: FileHandle, mode: number): Promise<void> {
  const { mode: now, gid } = await directory.stat()
  const wanted = toDirectoryMode(mode) | (now & SPECIAL)
  if ((now & (PERMISSIONS | SPECIAL)) === wanted) return
  if ((now & SET_GROUP_ID) === 0) await directory.chmod(wanted)
  // Under systemd's RestrictSUIDSGID no mode with that bit can be set, even where it is set.
  else if (isOfGroup(gid)) await attempt(directory.chmod(wanted))
}

/** The permissions of a new directory that is to have these. */
export function toDirectoryMode(mode: number): number {
  return (mode & PERMISSIONS) | 0o700
}

function isOfGroup(gid: number): boolean {
  if (process.geteuid?.() === 0 || process.getegid?.() === gid) return true
  return process.getgroups?.().includes(gid) === true
}

/** See `Storage.readModes`. */
export async function readModes(place: Place, name: string): Promise<Modes | null> {
  const segments = name.split('/')
  const paths = segments.map((_, i) => toPath(place, segments.slice(0, i + 1).join('/')))
  try {
    const stats = await Promise.all(paths.map((path) => lstat(path)))
    return stats.map(({ mode }) => mode & PERMISSIONS)
  } catch (error) {
    if (isAbsence(error)) return null
    throw toIoError(error, 'read')
  }
}

/** Whether it was permitted. */
async function attempt(work: Promise<void>): Promise<boolean> {
  try {
    await work
    return true
  } catch {
    return false
  }
}
