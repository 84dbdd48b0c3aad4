import { createHash, randomUUID } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import module, { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { Script } from 'node:vm'
import { toIndexDirectory } from '../node/digests/index-path.ts'

/**
 * The directory of compiled code: that of Node's own cache, by default in the user's cache directory; null
 * without.
 */
export function toCodeDirectory(env: Readonly<Record<string, string | undefined>>): string | null {
  const cache = toIndexDirectory(env)
  return env['NODE_COMPILE_CACHE'] || (cache && join(cache, 'compiled'))
}

/**
 * Runs the file `path`, which holds one function, with the code that V8 compiled of it when this command ran
 * before. Where that is absent, stale or damaged, it is kept at the end of a run that was no trouble, if Node
 * caches code then. Node's own cache has only what is compiled before a file runs: the functions that are
 * compiled when they are first called, a thousand in a short command, it lacks.
 *
 * The function gets what requires packages from there, its path, and what runs a file beside it in the same
 * way. Returns what the function returns.
 */
export function runCompiled(path: string, command: string): unknown {
  const code = toCodeDirectory(process.env)
  // Not every host can tell whether it caches code.
  const isKept = typeof module.getCompileCacheDir === 'function' && /^[a-z]+$/.test(command)
  const name = `vouch-${command}-${basename(path, '.js')}-${process.version}-${process.arch}`
  const script = compile(path, isKept && code !== null ? resolve(code, name) : null)
  const run = (file: string) => runCompiled(join(dirname(path), file), command)
  return script.runInThisContext()(createRequire(path), path, run)
}

/** Compiles the file `path`, which is ASCII, with the code in `file` if that can be used. */
function compile(path: string, file: string | null): Script {
  // V8 takes long strings of this encoding as they are, and makes copies of others.
  const source = withOpen(path, constants.O_RDONLY, (fd) => read(fd, fstatSync(fd))).toString('latin1')
  if (file === null) return new Script(source, { filename: path })
  const identity = toIdentity(path)
  const known = readCode(file, identity)
  const script = new Script(source, { filename: path, ...(known && { cachedData: known }) })
  if (known === null || script.cachedDataRejected)
    process.once('exit', (status) => {
      const isAllowed = module.getCompileCacheDir()?.startsWith(dirname(file))
      if (isAllowed && status !== 2) writeCode(file, identity, script.createCachedData())
    })
  return script
}

/** Changes whenever the file does. */
function toIdentity(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
  return [dev, ino, size, mtimeNs, ctimeNs, path].join()
}

/**
 * The code for the file of this identity, until another file is read; null without any, or when another user
 * may have written it.
 */
function readCode(file: string, identity: string): Buffer | null {
  try {
    if (!isOwn(statSync(dirname(file)))) return null
    // Neither a link nor a FIFO, which would never open, is followed.
    return withOpen(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK, (fd) => {
      const stats = fstatSync(fd)
      if (!stats.isFile() || !isOwn(stats)) return null
      const bytes = read(fd, stats)
      const code = bytes.subarray(SEAL_BYTES)
      return seal(identity, code).equals(bytes.subarray(0, SEAL_BYTES)) ? code : null
    })
  } catch {
    return null
  }
}

function withOpen<T>(path: string, flags: number, use: (fd: number) => T): T {
  const fd = openSync(path, flags)
  try {
    return use(fd)
  } finally {
    closeSync(fd)
  }
}

/** Where files are read one after the other, since a first use of memory is dearer than reading into it. */
const room = Buffer.allocUnsafeSlow(2 ** 20)

/** The bytes of a file, which are there until the next one is read. */
function read(fd: number, { size }: Stats): Buffer {
  if (size >= room.length) return readFileSync(fd)
  let length = 0
  for (;;) {
    const bytes = readSync(fd, room, length, room.length - length, null)
    if (bytes === 0) return room.subarray(0, length)
    length += bytes
  }
}

/** Whether nobody but this user can have written it; true on a host without users. */
function isOwn({ uid, mode }: Stats): boolean {
  return process.geteuid === undefined || (uid === process.geteuid() && (mode & 0o022) === 0)
}

function writeCode(file: string, identity: string, code: Buffer): void {
  const temporary = `${file}.${randomUUID()}`
  try {
    writeFileSync(temporary, Buffer.concat([seal(identity, code), code]), { mode: 0o600, flag: 'wx' })
    renameSync(temporary, file)
  } catch {
    // Without it, the next run takes as long as this one.
    rmSync(temporary, { force: true })
  }
}

const SEAL_BYTES = 32

/** V8 itself would run a damaged cache, and one of another source of the same length. */
function seal(identity: string, code: Buffer): Buffer {
  return createHash('sha256').update(identity).update(code).digest()
}
