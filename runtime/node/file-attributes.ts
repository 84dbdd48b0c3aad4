import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fstatSync } from 'node:fs'
import { type FileHandle, lstat } from 'node:fs/promises'
import type { Modes, Unkept } from '../../functions/wire/attributes.ts'
import { hasDescriptorPaths } from './directory.ts'
import { isAbsence, toIoError } from './errno.ts'
import { toModified } from './identity.ts'
import { COPY_ATTRIBUTES_MS, MAX_CLOCK_STEP_MS } from './limits.ts'
import { type Place, toPath } from './root.ts'

const PERMISSIONS = 0o777
/** Set-user-id, set-group-id, sticky. */
const SPECIAL = 0o7000
const SET_GROUP_ID = 0o2000
/** What GNU cp needs of a file to set its attributes. */
const OWNER_READS_AND_WRITES = 0o600

/** What is copied beside permissions, owner, group and extended attributes. */
export interface CopyAttributesOptions {
  /** The modification time, to the nanosecond. */
  readonly withTime: boolean
}

/**
 * Gives the new file `to` the permissions, owner, group and extended attributes (ACLs are such) of the file open as
 * `from`, as far as this process may; returns what it could not. Node has no call for extended attributes: GNU cp copies
 * them, and gets nothing but the two descriptors. Set-id bits are dropped where owner or group are not kept.
 */
export async function copyAttributes(
  from: number,
  to: FileHandle,
  { withTime }: CopyAttributesOptions,
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

/** Whether owner and group are now those wanted. */
async function tryOwner(
  to: FileHandle,
  wanted: { readonly uid: number; readonly gid: number },
): Promise<boolean> {
  const { uid, gid } = await to.stat()
  if (uid === wanted.uid && gid === wanted.gid) return true
  if (await attempt(to.chown(wanted.uid, wanted.gid))) return true
  // Whoever may not give a file away may still be of its group.
  await attempt(to.chown(uid, wanted.gid))
  return false
}

async function keepTime(from: number, to: FileHandle): Promise<Unkept[]> {
  const [wanted, now] = [fstatSync(from, { bigint: true }), await to.stat({ bigint: true })]
  const ms = toModified({ modifiedNs: wanted.mtimeNs })
  return wanted.mtimeNs === now.mtimeNs || ms === null ? [] : await setModified(to, ms)
}

/** Whether GNU cp copied these kinds of attributes; false where there is no such program, or no way to hand it files. */
async function runCopy(kinds: readonly string[], from: number, to: number): Promise<boolean> {
  if (!hasDescriptorPaths()) return false
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
    // Not installed, or not permitted: what that means is for the caller to say.
    return false
  }
}

/**
 * Has a file say that it was modified at `ms` (milliseconds since 1970), as near as the clock of its file system can;
 * returns what it could not.
 */
export async function setModified(file: FileHandle, ms: number): Promise<Unkept[]> {
  // Doubles hold such seconds to a quarter of a microsecond: half of one more keeps the millisecond from being cut off.
  // Node takes a number below zero for the present, and a Date for what it says.
  const time = ms < 0 ? new Date(ms) : (ms + 0.0005) / 1000
  const isSet = await attempt(file.utimes(new Date(), time))
  const now = toModified({ modifiedNs: (await file.stat({ bigint: true })).mtimeNs })
  return isSet && now !== null && Math.abs(now - ms) < MAX_CLOCK_STEP_MS ? [] : ['modified']
}

/** Where a new file is to lie, and what it is to have. */
export interface NewFile {
  readonly parent: FileHandle
  /** Its permissions; those that it was made with when absent. */
  readonly mode: number | undefined
}

/** Gives a new file the group of a set-group-id directory, as one made there has, and `mode`; returns what it could not. */
export async function dressNew(file: FileHandle, { parent, mode }: NewFile): Promise<Unkept[]> {
  const [above, now] = [await parent.stat(), await file.stat()]
  const isInherited = (above.mode & SET_GROUP_ID) !== 0 && above.gid !== now.gid
  const isGroupSet = !isInherited || (await attempt(file.chown(now.uid, above.gid)))
  if (mode !== undefined) await file.chmod(mode & PERMISSIONS)
  return isGroupSet ? [] : ['group']
}

/**
 * Gives a directory that was just made these permissions, of which the process's mask may have taken some. It stays
 * writable for its owner, who could put nothing into it otherwise. What it inherited stays: a change of mode would take
 * the set-group-id bit from a directory whose group is none of the caller's, so that one is left as narrow as it is.
 */
export async function dressDirectory(directory: FileHandle, mode: number): Promise<void> {
  const { mode: now, gid } = await directory.stat()
  const wanted = toDirectoryMode(mode) | (now & SPECIAL)
  if ((now & (PERMISSIONS | SPECIAL)) === wanted) return
  if ((now & SET_GROUP_ID) === 0) await directory.chmod(wanted)
  // Under systemd's RestrictSUIDSGID no mode with that bit can be set, even where it is set already.
  else if (isOfGroup(gid)) await attempt(directory.chmod(wanted))
}

/** The permissions of a directory that is made like one of these. */
export function toDirectoryMode(mode: number): number {
  return (mode & PERMISSIONS) | 0o700
}

function isOfGroup(gid: number): boolean {
  return (
    process.geteuid?.() === 0 || process.getegid?.() === gid || process.getgroups?.().includes(gid) === true
  )
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
