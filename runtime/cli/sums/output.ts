import { createHash, randomUUID } from 'node:crypto'
import { type FileHandle, open, rename, rm, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { Digest } from '../../../functions/wire/digest.ts'
import { type Io, writeOut } from '../../hosting/io.ts'
import { cutToBytes, refusing, setAttributes } from '../download/part-file.ts'

/** What a list holds. */
export interface Totals {
  readonly names: number
  /** Of all files together. */
  readonly bytes: bigint
}

/**
 * Where a list is written, which shows nothing of it until it is complete. `write` and `commit` throw a
 * UserError when they cannot write.
 */
export interface Output {
  write(text: string): Promise<void>
  /** Shows the list, when all of it is written. */
  commit(totals: Totals): Promise<void>
  /** Called at last, also after `commit`: removes what was not shown. */
  discard(): Promise<void>
}

/** A file that gets its name by `commit`. */
export interface NamedOutput extends Output {
  /** Of what was written. */
  digest(): Digest
}

/** The longest file name everywhere is 255 bytes; dots, a UUID and the ending take 43. */
const MAX_BASE_BYTES = 212

/**
 * Writes a file beside `target` (absolute), which other users cannot read, and renames it over `target` when
 * it is complete. The attributes of a file that is replaced are kept. Throws a UserError when it cannot
 * write.
 */
export async function openNamed(target: string): Promise<NamedOutput> {
  const base = cutToBytes(basename(target), MAX_BASE_BYTES)
  const path = join(dirname(target), `.${base}.${randomUUID()}.part`)
  const handle = await refusing(target, open(path, 'wx', 0o600))
  const hash = createHash('sha256')
  let isPlaced = false
  return {
    async write(text) {
      hash.update(text)
      await refusing(target, handle.appendFile(text))
    },
    digest: () => hash.copy().digest('hex'),
    async commit() {
      await refusing(target, finish(handle, target))
      await refusing(target, rename(path, target))
      isPlaced = true
    },
    async discard() {
      await handle.close()
      if (!isPlaced) await rm(path, { force: true })
    },
  }
}

async function finish(handle: FileHandle, target: string): Promise<void> {
  await setAttributes(handle, target, null)
  await handle.sync()
}

const ADVICE = 'TMPDIR names another place, and -o a file'

/**
 * Collects a list for standard output in a file without a name, in the directory of temporary files: what was
 * printed cannot be taken back. Throws a UserError when it cannot be written.
 */
export async function openPrinted(io: Io): Promise<Output> {
  const path = join(tmpdir(), `vouch-${randomUUID()}`)
  const handle = await refusing(path, open(path, 'wx+', 0o600), ADVICE)
  await refusing(path, unlink(path), ADVICE).catch(async (error) => {
    await handle.close()
    throw error
  })
  return {
    async write(text) {
      await refusing(path, handle.appendFile(text), ADVICE)
    },
    async commit() {
      const buffer = Buffer.alloc(1024 * 1024)
      for (let at = 0; ; ) {
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, at)
        if (bytesRead === 0) return
        await writeOut(io, buffer.subarray(0, bytesRead))
        at += bytesRead
      }
    },
    discard: () => handle.close(),
  }
}
