import { type ReadTree, readTree } from '../../../functions/proof/read-tree.ts'
import type { Tree } from '../../../functions/proof/tree-text.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { openTokens } from '../../hosting/access.ts'
import { toTimeouts } from '../../hosting/flags.ts'
import type { Io } from '../../hosting/io.ts'
import { openReplicas } from '../../hosting/open-replicas.ts'
import { formatTarget, type Target } from '../../hosting/replica-address.ts'
import { createHasher } from '../../node/hasher.ts'
import { UserError } from '../../node/user-error.ts'
import type { ReceiptOptions } from './read-note.ts'

type OnFile = (name: string, digest: string) => void | Promise<void>

interface Reading {
  readonly prefix: string
  readonly wanted?: string | undefined
  readonly onFile?: OnFile | undefined
}

/** Reads the tree of the files at `target`; rejects with a UserError when it cannot. */
export async function readFiles(
  target: Target,
  { prefix, wanted, onFile }: Reading,
  options: ReceiptOptions,
  io: Io,
): Promise<ReadTree> {
  const opened = await openReplicas(
    {
      ...options,
      replicas: [{ id: 'files', target }],
      reads: 'trees',
      timeouts: toTimeouts(options),
      token: openTokens(options.tokenFile, io),
    },
    io,
  )
  try {
    const storage = opened.replicas[0]?.storage
    if (storage === undefined) throw new Error('one replica was opened')
    return await readTree(storage, prefix, { createHasher, wanted, onFile, signal: io.signal })
  } catch (error) {
    io.signal?.throwIfAborted()
    if (error instanceof StorageError) throw new UserError(`${formatTarget(target)}: ${error.message}`)
    throw error
  } finally {
    await opened.close()
  }
}

/** Whether these are the files that were signed. */
export function isOf({ files, root }: Pick<Tree, 'files' | 'root'>, signed: Tree): boolean {
  return files === signed.files && root === signed.root
}

/** Throws a UserError unless these are the files that were signed. */
export function requireOf(read: ReadTree, signed: Tree, target: Target): void {
  if (isOf(read, signed)) return
  throw new UserError(
    `${formatTarget(target)} does not have the files that were signed: ${read.files} with the root ${read.root}, signed were ${signed.files} with ${signed.root}; a list that 'vouch sums' wrote when the tree was signed has them`,
  )
}
