import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { StorageError } from '../../functions/wire/storage-error.ts'
import { createDirectoryStorage, type DirectoryStorage } from '../../runtime/node/directory-storage.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { DEADLINES } from './place.ts'

/** The answers about one file, and the bytes that a program reads. */
export interface Answered {
  /** By the storage: the digest, or its error. */
  readonly digest: string
  readonly evidence: string | null
  /** By a coordinator that compares it with the plain copy. */
  readonly agreement: string
  /** The digest of the bytes that a read of the whole file returns, or its error. */
  readonly read: string
}

/**
 * A root on the file system under test beside a plain directory, in a process that can end and start again.
 */
export interface Asked {
  /** The answers now. */
  ask(name: string): Promise<Answered>
  /** Closes the storages, as the end of a process would. */
  stop(): Promise<void>
  /** Opens them once more, with the index that is there. */
  start(): void
}

/** The digest of a text. */
export function toDigest(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex')
}

/** The digest of the bytes that a read returns now, or the error's code. */
function readDigest(path: string): string {
  try {
    return toDigest(readFileSync(path))
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
}

/** Opens both; the caller stops them. */
export function openBoth(root: string, plain: string, indexPath: string): Asked {
  const open = () => ({
    mounted: createDirectoryStorage(root, { indexPath }),
    plain: createDirectoryStorage(plain, { indexPath }),
  })
  let storages: ReturnType<typeof open> | null = null
  let coordinator: ReturnType<typeof createCoordinator> | null = null

  async function readAgreement(name: string): Promise<string> {
    const response = await coordinator?.request(`/files/${name}`)
    await response?.arrayBuffer()
    return response?.headers.get('Replica-Agreement')?.split(';')[0] ?? `status ${response?.status}`
  }

  const asked: Asked = {
    async ask(name) {
      const agreement = await readAgreement(name)
      return { agreement, ...(await describe(storages?.mounted, name)), read: readDigest(join(root, name)) }
    },
    async stop() {
      const open = Object.values(storages ?? {})
      storages = null
      for (const storage of open) await storage.close()
    },
    start() {
      storages = open()
      coordinator = createCoordinator(
        Object.entries(storages).map(([id, storage]) => ({ id, storage })),
        { createHasher, defer: setImmediate, deadlines: DEADLINES },
      )
    },
  }
  asked.start()
  return asked
}

async function describe(storage: DirectoryStorage | undefined, name: string) {
  try {
    const facts = await storage?.describe([name])[0]
    return { digest: facts?.digest ?? 'absent', evidence: facts?.evidence ?? null }
  } catch (error) {
    if (error instanceof StorageError) return { digest: `${error.code}: ${error.message}`, evidence: null }
    throw error
  }
}
