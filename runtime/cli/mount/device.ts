import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { close, open, read, writevSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { endianness } from 'node:os'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { getErrno, toReason } from '../../node/files/errno.ts'
import { UserError } from '../../node/user-error.ts'
import type { Answers } from './answers.ts'
import { parseRequest, type Request, toReply } from './fuse.ts'
import { MAX_REQUEST_BYTES, MAX_REQUESTS, UNMOUNT_MS } from './limits.ts'

/** A file system that is mounted, and whose requests `serve` answers. */
export interface Mounted {
  /** Answers the requests of the kernel, several at once, until the file system is unmounted. */
  serve(answers: Answers): Promise<void>
  /** Unmounts it, also while files are open: what programs wait for fails, and `serve` ends. */
  unmount(): Promise<void>
  /** Gives back the device: what is still asked fails. */
  close(): Promise<void>
}

const ONLY_LINUX = 'vouch mounts on Linux alone; docs/mounting.md shows other programs that mount'

/** Throws a UserError where this process cannot mount. */
export function requireMounting(): void {
  if (process.platform !== 'linux' || endianness() !== 'LE') throw new UserError(ONLY_LINUX)
  if (process.geteuid?.() !== 0) throw new UserError('mounting needs root; run it with sudo')
}

/**
 * The owner and the permissions of a directory. Throws a UserError unless it is an empty one: a replica or an
 * index in it would be read through the file system that is mounted over it.
 */
export async function readOwner(directory: string) {
  const names = await readdir(directory).catch((error) => {
    const advice =
      getErrno(error) === 'ENOTCONN' ? `; umount ${directory} removes what was mounted there` : ''
    throw new UserError(`cannot mount at '${directory}': ${toReason(error)}${advice}`)
  })
  if (names.length > 0) throw new UserError(`'${directory}' is not empty; mount at an empty directory`)
  const { uid, gid, mode } = await stat(directory)
  return { uid, gid, mode }
}

/** Mounts a file system at a directory. Throws a UserError where that is not possible. */
export async function mountAt(directory: string): Promise<Mounted> {
  const device = await promisify(open)('/dev/fuse', 'r+').catch((error) => {
    throw new UserError(`cannot open /dev/fuse: ${toReason(error)}; the kernel must have FUSE`)
  })
  try {
    await mountDevice(device, directory)
  } catch (error) {
    await promisify(close)(device)
    throw error
  }
  return {
    serve: (answers) => serve(device, answers),
    async unmount() {
      // -f takes back what programs wait for, and -l does not mind their open files. It fails when the file
      // system has been unmounted meanwhile.
      const words = ['-i', '-f', '-l', directory]
      await promisify(execFile)('umount', words, { timeout: UNMOUNT_MS }).catch(() => {})
    },
    close: () => promisify(close)(device),
  }
}

/** Has `mount` of util-linux, which inherits the device, make the system call, which Node does not have. */
async function mountDevice(device: number, directory: string): Promise<void> {
  const access = 'rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions'
  const options = `ro,nosuid,nodev,noexec,fd=3,${access}`
  const child = spawn('mount', ['-i', '-t', 'fuse.vouch', '-o', options, 'vouch', directory], {
    stdio: ['ignore', 'ignore', 'pipe', device],
  })
  const failed = once(child, 'error').then(([error]) => {
    throw new UserError(`cannot run mount, of the package mount: ${toReason(error)}`)
  })
  const ended = Promise.all([text(child.stdio[2] as NodeJS.ReadableStream), once(child, 'close')])
  const [said, [status]] = await Promise.race([ended, failed])
  if (status !== 0) throw new UserError(`cannot mount at '${directory}': ${said.trim().split('\n').at(-1)}`)
}

/** Reads requests, and answers them, until the file system is unmounted. */
async function serve(device: number, answers: Answers): Promise<void> {
  const failed = Promise.withResolvers<never>()
  const underWay = new Set<Promise<void>>()

  async function answer(request: Request): Promise<void> {
    const answered = await answers.answer(request)
    if (answered === null) return
    const [error, parts] = typeof answered === 'number' ? [answered, []] : [0, answered]
    send(device, toReply(request.unique, error, parts))
  }

  async function answerAll(): Promise<void> {
    for (;;) {
      const bytes = await readRequest(device)
      if (bytes === null) return
      const done = answer(parseRequest(bytes))
        .catch(failed.reject)
        .finally(() => underWay.delete(done))
      underWay.add(done)
      if (underWay.size >= MAX_REQUESTS) await Promise.race(underWay)
    }
  }

  try {
    await Promise.race([answerAll(), failed.promise])
  } finally {
    answers.close()
  }
}

/** Waits on a thread of Node for a request; null once the file system is unmounted. */
async function readRequest(device: number): Promise<Buffer | null> {
  for (;;) {
    const { promise, resolve } = Promise.withResolvers<[error: Error | null, bytes: Buffer]>()
    const bytes = Buffer.allocUnsafe(MAX_REQUEST_BYTES)
    read(device, bytes, 0, bytes.length, null, (error, length) => resolve([error, bytes.subarray(0, length)]))
    const [error, request] = await promise
    if (error === null) return request
    if (getErrno(error) === 'ENODEV') return null
    // The request was taken back before it was read.
    if (!['ENOENT', 'EINTR', 'EAGAIN'].includes(getErrno(error))) throw error
  }
}

/** An answer is one write. It fails with ENOENT when nobody waits for it any more. */
function send(device: number, parts: readonly Uint8Array[]): void {
  try {
    writevSync(device, parts)
  } catch (error) {
    if (!['ENOENT', 'ENODEV'].includes(getErrno(error))) throw error
  }
}
