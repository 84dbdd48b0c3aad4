import { concatenate } from '../../../functions/bytes/chunks.ts'
import { parseName } from '../../../functions/storage/names.ts'
import { attempt } from '../../../functions/wire/attempt.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { UserError } from '../../node/user-error.ts'
import {
  ERRNO,
  type NodeAttributes,
  OPCODES,
  parseForget,
  parseLookup,
  parseRead,
  type Request,
  toAttributesReply,
  toEntry,
  toFolderEntry,
  toInit,
  toOpened,
  toStatistics,
} from './fuse.ts'
import { createHandles, type Handles } from './handles.ts'
import { MAX_READ_BYTES, SHOWN_MS } from './limits.ts'
import { createNodes, type Node, type Nodes } from './nodes.ts'
import type { Tree, TreeEntry } from './tree.ts'

/** The answer to a request: an error of Linux, or what follows the header. */
export type Answer = number | readonly Uint8Array[]

interface AnswersOptions {
  /** Whose all files and folders are, and its permissions, of which those to write are left out. */
  readonly owner: { readonly uid: number; readonly gid: number; readonly mode: number }
  /** Gets what a request about a name failed with, unless there is no such file. */
  readonly onFailed: (name: string, error: Error) => void
}

/** Answers requests of the kernel with the files of a tree. */
export interface Answers {
  /** Resolves with null for a request that takes no answer. Rejects for a bug. */
  answer(request: Request): Promise<Answer | null>
  /** Closes what programs have left open. */
  close(): void
}

export function createAnswers(tree: Tree, options: AnswersOptions): Answers {
  const context = { ...options, tree, nodes: createNodes({ isFolder: true, size: 0, modified: null }) }
  const handles = createHandles()
  return {
    async answer(request) {
      const handler = HANDLERS.get(request.opcode)
      if (handler === undefined) return ERRNO.ENOSYS
      return await handler(request, { ...context, handles })
    },
    close: handles.closeAll,
  }
}

interface Context extends AnswersOptions {
  readonly tree: Tree
  readonly nodes: Nodes
  readonly handles: Handles
}

type Handler = (request: Request, context: Context) => Promise<Answer | null> | Answer | null

const HANDLERS: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [OPCODES.INIT, () => [toInit(MAX_READ_BYTES)]],
  [OPCODES.LOOKUP, lookUp],
  [OPCODES.FORGET, forget],
  [OPCODES.BATCH_FORGET, forget],
  [OPCODES.GETATTR, getAttributes],
  [OPCODES.OPEN, open],
  [OPCODES.READ, read],
  [OPCODES.RELEASE, release],
  [OPCODES.OPENDIR, openFolder],
  [OPCODES.READDIR, readFolder],
  [OPCODES.RELEASEDIR, release],
  [OPCODES.STATFS, () => [toStatistics()]],
  // A program that gets a signal waits for its answer, as on a disk.
  [OPCODES.INTERRUPT, () => null],
  [OPCODES.DESTROY, () => []],
])

async function lookUp({ node, body }: Request, context: Context): Promise<Answer> {
  const folder = context.nodes.find(node)
  if (folder === undefined) return ERRNO.ESTALE
  const name = toName(folder, parseLookup(body))
  // Such a file may be there, but no replica can be asked for it.
  if (name === null) return ERRNO.EIO
  return await tryName(name, context, async () => {
    const found = await context.tree.find(name)
    // A folder is looked up on the way to each file in it.
    const seconds = found.isFolder ? SHOWN_MS / 1000 : 0
    return toEntry(toAttributes(context.nodes.lookUp(name, found), context), seconds)
  })
}

/** The name of an entry of a folder; null when it is not valid. */
function toName({ name }: Node, entry: Uint8Array): string | null {
  const text = attempt(() => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(entry))
  return text === null ? null : parseName(name === '' ? text : `${name}/${text}`)
}

function forget(request: Request, { nodes }: Context): null {
  for (const [node, lookups] of parseForget(request)) nodes.forget(node, lookups)
  return null
}

function getAttributes({ node }: Request, context: Context): Answer {
  const found = context.nodes.find(node)
  return found === undefined ? ERRNO.ESTALE : toAttributesReply(toAttributes(found, context))
}

const FOLDER = 0o40555
const FILE = 0o100444

function toAttributes({ number, isFolder, size, modified }: Node, { owner }: Context): NodeAttributes {
  const { uid, gid } = owner
  // The bits that say what it is, and of the permissions those that the owner's have too.
  const mode = (isFolder ? FOLDER : FILE) & (owner.mode | ~0o777)
  return { node: number, size, modified: modified ?? 0, mode, uid, gid }
}

async function open({ node }: Request, { nodes, handles, ...context }: Context): Promise<Answer> {
  const asked = nodes.find(node)
  if (asked === undefined) return ERRNO.ESTALE
  if (handles.isFull) return ERRNO.EMFILE
  return await tryName(asked.name, context, async () => {
    const { file, etag } = await context.tree.open(asked.name)
    // The name has had another content since it was looked up: the kernel does that again, and then opens it.
    if (etag !== asked.etag) {
      file.rest()
      return ERRNO.ESTALE
    }
    return [toOpened(handles.addFile(file), { isFolder: false })]
  })
}

async function read({ body }: Request, { handles, ...context }: Context): Promise<Answer> {
  const { handle, offset, size } = parseRead(body)
  const file = handles.findFile(handle)
  if (file === undefined) return ERRNO.EIO
  return await tryName(file.name, context, async () => [await file.read(offset, size)])
}

function release({ body }: Request, { handles }: Context): Answer {
  handles.close(parseRead(body).handle)
  return []
}

async function openFolder({ node }: Request, { nodes, handles, ...context }: Context): Promise<Answer> {
  const folder = nodes.find(node)
  if (folder === undefined) return ERRNO.ESTALE
  if (handles.isFull) return ERRNO.EMFILE
  return await tryName(folder.name, context, async () => {
    const entries = await context.tree.list(folder.name)
    return [toOpened(handles.addFolder([...SELF_AND_ABOVE, ...entries]), { isFolder: true })]
  })
}

const SELF_AND_ABOVE: readonly TreeEntry[] = ['.', '..'].map((name) => ({ name, isFolder: true }))

function readFolder({ body }: Request, { handles }: Context): Answer {
  const { handle, offset, size } = parseRead(body)
  const entries = handles.findFolder(handle)
  if (entries === undefined) return ERRNO.EIO
  const rows: Buffer[] = []
  let room = size
  for (let at = offset; at < entries.length; at++) {
    const { name = '', isFolder = false } = entries[at] ?? {}
    const row = toFolderEntry(name, isFolder, at + 1)
    room -= row.length
    if (room < 0) break
    rows.push(row)
  }
  return [concatenate(rows)]
}

/** Answers as `work` does; a failure is EIO, unless every replica has said that there is no such file. */
async function tryName(
  name: string,
  { onFailed }: Pick<Context, 'onFailed'>,
  work: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof UserError || error instanceof StorageError)) throw error
    if (error instanceof UserError && error.kind === 'not-found') return ERRNO.ENOENT
    onFailed(name, error)
    return ERRNO.EIO
  }
}
