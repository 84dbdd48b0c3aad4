// The protocol of FUSE between Linux and a file system, version 7.31: include/uapi/linux/fuse.h of Linux.
// https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/fuse.h
// Its numbers are in the order of bytes of the machine, here little-endian.

/** What a request asks for: `enum fuse_opcode`. */
export const OPCODES = {
  ...{ LOOKUP: 1, FORGET: 2, GETATTR: 3, OPEN: 14, READ: 15, STATFS: 17, RELEASE: 18, INIT: 26 },
  ...{ OPENDIR: 27, READDIR: 28, RELEASEDIR: 29, INTERRUPT: 36, DESTROY: 38, BATCH_FORGET: 42 },
} as const

/** Errors of Linux. */
export const ERRNO = { ENOENT: 2, EIO: 5, EMFILE: 24, EROFS: 30, ENOSYS: 38, ESTALE: 116 } as const

/** A request of the kernel. */
export interface Request {
  readonly opcode: number
  readonly unique: bigint
  /** The number of the file or folder that it is about. */
  readonly node: number
  /** What follows the header. */
  readonly body: Buffer
}

/** `struct fuse_in_header`, and what follows. */
export function parseRequest(bytes: Buffer): Request {
  return {
    opcode: bytes.readUInt32LE(4),
    unique: bytes.readBigUInt64LE(8),
    node: Number(bytes.readBigUInt64LE(16)),
    body: bytes.subarray(40),
  }
}

/** The name in a LOOKUP, which ends with a NUL. */
export function parseLookup(body: Buffer): Buffer {
  return body.subarray(0, body.indexOf(0))
}

/** The handle in a READ, a READDIR or a RELEASE, and what the first two ask for. */
export function parseRead(body: Buffer) {
  const [handle = 0n, offset = 0n] = [body.readBigUInt64LE(0), body.readBigUInt64LE(8)]
  return { handle: Number(handle), offset: Number(offset), size: body.readUInt32LE(16) }
}

/** The nodes that the kernel forgets, and how many lookups of each. */
export function parseForget({ opcode, node, body }: Request): [node: number, lookups: number][] {
  if (opcode === OPCODES.FORGET) return [[node, Number(body.readBigUInt64LE(0))]]
  const count = Math.min(body.readUInt32LE(0), Math.floor((body.length - 8) / 16))
  return Array.from({ length: count }, (_, i) => [
    Number(body.readBigUInt64LE(8 + 16 * i)),
    Number(body.readBigUInt64LE(16 + 16 * i)),
  ])
}

/** An answer in parts: `struct fuse_out_header`, and what follows. `error` is one of `ERRNO`, or 0. */
export function toReply(unique: bigint, error: number, parts: readonly Uint8Array[] = []): Uint8Array[] {
  const head = Buffer.alloc(16)
  head.writeUInt32LE(16 + parts.reduce((sum, { length }) => sum + length, 0), 0)
  head.writeInt32LE(-error, 4)
  head.writeBigUInt64LE(unique, 8)
  return [head, ...parts]
}

/** Several reads of one file at once, and reads of more than 128 KiB. */
const INIT_FLAGS = (1 << 0) | (1 << 22)

/** `struct fuse_init_out`. */
export function toInit(maxReadBytes: number): Buffer {
  const bytes = Buffer.alloc(64)
  bytes.writeUInt32LE(7, 0)
  bytes.writeUInt32LE(31, 4)
  bytes.writeUInt32LE(maxReadBytes, 8)
  bytes.writeUInt32LE(INIT_FLAGS, 12)
  // What the kernel asks for in the background, and when it waits: as it would choose itself.
  bytes.writeUInt16LE(12, 16)
  bytes.writeUInt16LE(9, 18)
  // The least that may be written at once, although nothing is.
  bytes.writeUInt32LE(4096, 20)
  bytes.writeUInt32LE(1, 24)
  bytes.writeUInt16LE(maxReadBytes / 4096, 28)
  return bytes
}

/** The attributes of a file or a folder. */
export interface NodeAttributes {
  readonly node: number
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970. */
  readonly modified: number
  /** Kind and permissions. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** `struct fuse_attr`. */
function toAttributes({ node, size, modified, mode, uid, gid }: NodeAttributes): Buffer {
  const bytes = Buffer.alloc(88)
  bytes.writeBigUInt64LE(BigInt(node), 0)
  bytes.writeBigUInt64LE(BigInt(size), 8)
  bytes.writeBigUInt64LE(BigInt(Math.ceil(size / 512)), 16)
  const seconds = Math.floor(modified / 1000)
  for (const [i, at] of [24, 32, 40].entries()) {
    bytes.writeBigInt64LE(BigInt(seconds), at)
    bytes.writeUInt32LE(Math.floor((modified - 1000 * seconds) * 1e6), 48 + 4 * i)
  }
  for (const [i, value] of [mode, 1, uid, gid, 0, 4096].entries()) bytes.writeUInt32LE(value, 60 + 4 * i)
  return bytes
}

/** `struct fuse_entry_out`: a node, of which the kernel may remember for some time what its name is. */
export function toEntry(attributes: NodeAttributes, seconds: number): Buffer[] {
  const bytes = Buffer.alloc(40)
  bytes.writeBigUInt64LE(BigInt(attributes.node), 0)
  bytes.writeBigUInt64LE(BigInt(seconds), 16)
  return [bytes, toAttributes(attributes)]
}

/** `struct fuse_attr_out`, which the kernel may remember for no time. */
export function toAttributesReply(attributes: NodeAttributes): Buffer[] {
  return [Buffer.alloc(16), toAttributes(attributes)]
}

/** `FOPEN_DIRECT_IO`: programs read what this process answers, and nothing that the kernel has kept. */
const DIRECT_IO = 1

/** `struct fuse_open_out`. */
export function toOpened(handle: number, { isFolder }: { readonly isFolder: boolean }): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeBigUInt64LE(BigInt(handle), 0)
  bytes.writeUInt32LE(isFolder ? 0 : DIRECT_IO, 8)
  return bytes
}

/** `struct fuse_kstatfs`: no room at all, and names of 255 bytes. */
export function toStatistics(): Buffer {
  const bytes = Buffer.alloc(80)
  for (const [at, value] of [
    [40, 4096],
    [44, 255],
    [48, 4096],
  ] as const)
    bytes.writeUInt32LE(value, at)
  return bytes
}

const KINDS = { folder: 4, file: 8 } as const

/** `struct fuse_dirent`: an entry of a folder, after which a program goes on at `next`. */
export function toFolderEntry(name: string, isFolder: boolean, next: number): Buffer {
  const text = Buffer.from(name)
  const bytes = Buffer.alloc(24 + 8 * Math.ceil(text.length / 8))
  // Its number, of any file: only a lookup shows it.
  bytes.writeBigUInt64LE(0xffffffffn, 0)
  bytes.writeBigUInt64LE(BigInt(next), 8)
  bytes.writeUInt32LE(text.length, 16)
  bytes.writeUInt32LE(isFolder ? KINDS.folder : KINDS.file, 20)
  text.copy(bytes, 24)
  return bytes
}
