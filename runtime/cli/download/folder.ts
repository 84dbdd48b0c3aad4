import { spawn } from 'node:child_process'
import { createHash, hash as hashWhole } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, extname, join, resolve, sep } from 'node:path'
import { toFolded } from '../../../functions/storage/twins.ts'
import type { Unkept } from '../../../functions/wire/attributes.ts'
import type { Io } from '../../hosting/io.ts'
import type { OwnDirectory } from '../../hosting/outside.ts'
import { getErrno } from '../../node/files/errno.ts'
import { FILE_FLAGS } from '../../node/files/regular-file.ts'
import { isInMemory } from '../../node/mounts/file-system.ts'
import { UserError } from '../../node/user-error.ts'
import { MAX_SMALL_BYTES, MAX_SYNCED_FILES } from '../limits.ts'
import {
  CONFLICT_ENDING,
  type Content,
  createToLocal,
  type Files,
  type Held,
  MAX_FILE_NAME_BYTES,
} from './destination.ts'
import { createDirectories, tryLstat } from './directories.ts'
import { createSmallPart, cutToBytes, isPartName, openPart, toRefusal, writeNew } from './part-file.ts'

/** Writes many files below one directory, under their names. */
export interface Folder extends Files {
  /**
   * Writes a small file in one go at a path that was prepared and where there is none yet. Returns the
   * attributes that it could not be given; null, with nothing done, for any other.
   */
  writeNew(path: string, content: Content, bytes: Uint8Array): readonly Unkept[] | null
  /** Throws a UserError unless a file of this name can be written: its own path has been checked. */
  requireFree(name: string, others: readonly string[]): void
  /** Writes to the disk what the system still has in memory of the files. */
  sync(): Promise<void>
}

interface FolderOptions {
  /** The directory, as the user gave it; it is made when it is missing. */
  readonly directory: string
  /** The names of all files that will be written. */
  readonly names: readonly string[]
  /** The replicas that are compared, inside which nothing is written. */
  readonly replicas: readonly OwnDirectory[]
  readonly platform?: NodeJS.Platform
}

/**
 * Writes files below `directory`, whatever their names: no symbolic link below it is followed, and versions
 * of a conflict take no path that another file or version has.
 */
export function createFolder(options: FolderOptions, { cwd, signal }: Pick<Io, 'cwd' | 'signal'>): Folder {
  const { directory, names, replicas, platform = process.platform } = options
  const toLocal = createToLocal(platform)
  const root = resolve(cwd, directory)
  // Put together without `join` and `resolve`, which take as long as writing a small file.
  const [asGiven, absolute] = [toPrefix(directory), toPrefix(root)]
  const toLocalPath = (name: string) => name.split('/').map(toLocal).join(sep)
  const toPath = (name: string) => asGiven + (platform === 'win32' ? toLocalPath(name) : name)
  const toTarget = (path: string) => absolute + path.slice(asGiven.length)
  const directories = createDirectories(root, replicas)
  /** The paths that are taken, by whom; made for the first conflict. */
  let claims: Map<string, string> | undefined
  const unsynced: string[] = []
  const onUnsynced = (path: string) => void unsynced.push(path)
  /** Paths where there is no file yet. */
  const absent = new Set<string>()

  /** Checks a path, and returns the file that is there already. */
  function findFile(path: string): Stats | null {
    requireName(path)
    const target = toTarget(path)
    const parent = dirname(target)
    const stats = directories.enter(parent, false) ? tryLstat(target) : null
    if (stats === null || stats.isFile()) return stats
    throw new UserError(
      `cannot write '${path}': it is ${toKind(stats)}; remove it, or -o names another directory`,
      'io',
    )
  }

  /** The path of what belongs to a file beside it; throws a UserError when another file needs it. */
  function claim(name: string, what: string, stem: string, end: string): string {
    const base = cutToBytes(toLocal(stem), MAX_FILE_NAME_BYTES - Buffer.byteLength(end)) + end
    const path = join(dirname(toPath(name)), toLocal(base))
    const claim = `${what}\0${name}`
    claims ??= new Map(names.map((name) => [toFolded(toPath(name)), name]))
    const other = claims.get(toFolded(path))
    if (other !== undefined && other !== claim)
      throw new UserError(`'${path}' is needed for another file too; get this one by itself`)
    claims.set(toFolded(path), claim)
    return path
  }

  return {
    toPath,
    toVersionPath(name, id) {
      const extension = extname(name)
      const stem = toBase(name).slice(0, extension === '' ? undefined : -extension.length)
      return claim(name, id, stem, `.${id}_version${extension}`)
    },
    toConflictPath: (name) => claim(name, '', toBase(name), CONFLICT_ENDING),
    prepare(path) {
      if (refusing(path, () => findFile(path)) !== null) return readHeld(toTarget(path), signal)
      absent.add(path)
      return null
    },
    async open(path, announced) {
      const target = toTarget(path)
      refusing(path, () => directories.enter(dirname(target), true))
      if (announced.size > MAX_SMALL_BYTES) return await openPart(target, { ...announced, signal })
      return createSmallPart(target, { ...announced, signal, isNew: absent.delete(path), onUnsynced })
    },
    writeNew(path, content, bytes) {
      if (!absent.has(path) || content.size > MAX_SMALL_BYTES) return null
      const target = toTarget(path)
      return refusing(path, () => {
        directories.enter(dirname(target), true)
        const unkept = writeNew(target, bytes, { ...content, onUnsynced })
        if (unkept === null) return null
        absent.delete(path)
        onUnsynced(target)
        return unkept
      })
    },
    requireFree(name, others) {
      if (others.length === 0) return
      const own = tryLstat(toTarget(toPath(name)))
      const twin = others.find((other) => own !== null && isSameFile(own, tryLstat(toTarget(toPath(other)))))
      if (twin !== undefined)
        throw new UserError(
          `this directory has one file for it and for '${twin}', which was written; get it by itself`,
          'io',
        )
    },
    sync: () => syncFiles(root, unsynced),
  }
}

/** What precedes the paths of files in a directory; empty for the current one. */
function toPrefix(directory: string): string {
  return join(directory, '_').slice(0, -1)
}

function toBase(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}

/** Throws a UserError for the name of a part file, which another download would take for its own. */
function requireName(path: string): void {
  const base = path.slice(path.lastIndexOf(sep) + 1)
  if (isPartName(base))
    throw new UserError(`'${base}' is a name of unfinished downloads; get it by itself with -o`)
}

/** The file system's errors of `work` as UserErrors. */
function refusing<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw toRefusal(error, path)
  }
}

function toKind(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory'
  return stats.isSymbolicLink() ? 'a symbolic link' : 'not a regular file'
}

function isSameFile(a: Stats, b: Stats | null): boolean {
  return b !== null && a.ino === b.ino && a.dev === b.dev
}

/** The regular file at a path; null when it is missing or cannot be read. */
async function readHeld(path: string, signal: AbortSignal | undefined): Promise<Held | null> {
  try {
    return readSmall(path) ?? (await readLarge(path, signal))
  } catch (error) {
    signal?.throwIfAborted()
    if (getErrno(error) !== '') return null
    throw error
  }
}

/** The file if it is small, read on the calling thread. */
function readSmall(path: string): Held | null {
  const fd = openSync(path, FILE_FLAGS)
  try {
    const { size } = fstatSync(fd)
    if (size > MAX_SMALL_BYTES) return null
    const bytes = readFileSync(fd)
    return { digest: hashWhole('sha256', bytes, 'hex'), size: bytes.length }
  } finally {
    closeSync(fd)
  }
}

async function readLarge(path: string, signal: AbortSignal | undefined): Promise<Held> {
  const hash = createHash('sha256')
  const handle = await open(path, FILE_FLAGS)
  let size = 0
  for await (const chunk of handle.createReadStream({ highWaterMark: 1024 * 1024, signal })) {
    hash.update(chunk)
    size += chunk.length
  }
  return { digest: hash.digest('hex'), size }
}

/** Writes files to the disk: by itself each of a few, and otherwise the file system of `root`. */
async function syncFiles(root: string, paths: readonly string[]): Promise<void> {
  if (paths.length > MAX_SYNCED_FILES && (await syncFileSystem(root))) return
  for (const path of paths) await syncFile(path)
}

async function syncFile(path: string): Promise<void> {
  try {
    const handle = await open(path, FILE_FLAGS)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw toRefusal(error, path)
  }
}

/**
 * Whether GNU sync wrote the file system of `path` to the disk, for which Node has no call; true for one in
 * memory, which has none.
 */
async function syncFileSystem(path: string): Promise<boolean> {
  try {
    if (isInMemory(path)) return true
    const child = spawn('sync', ['--file-system', '--', path], { stdio: 'ignore' })
    const [code] = await once(child, 'close')
    return code === 0
  } catch {
    // Not installed.
    return false
  }
}
