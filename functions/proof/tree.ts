import { concatenate } from '../bytes/chunks.ts'
import { type CreateHasher, type Digest, toBytes } from '../wire/digest.ts'

const encoder = new TextEncoder()

/** What is hashed before a leaf, and before two children, so that neither can be taken for the other. */
const [LEAF, NODE] = [Uint8Array.of(0), Uint8Array.of(1)]

/** Hashes some bytes: a promise on hosts whose hash is one. */
type Hash = (...parts: readonly Uint8Array[]) => Digest | Promise<Digest>

export function createHash(createHasher: CreateHasher): Hash {
  return (...parts) => {
    const hasher = createHasher()
    const updated = hasher.update(parts.length === 1 ? (parts[0] ?? LEAF) : concatenate(parts))
    return updated instanceof Promise ? updated.then(() => hasher.digest()) : hasher.digest()
  }
}

/**
 * The hash of a leaf (RFC 6962 §2.1), which is the line that sha256sum prints for the file: its digest, two
 * blanks, its name.
 */
export function hashLeaf(hash: Hash, name: string, digest: Digest): Digest | Promise<Digest> {
  return hash(LEAF, encoder.encode(`${digest}  ${name}`))
}

function hashNode(hash: Hash, left: Digest, right: Digest): Digest | Promise<Digest> {
  return hash(NODE, toBytes(left), toBytes(right))
}

/** Where one leaf is in a tree, and the hashes that lead from it to the root. */
export interface Path {
  /** The number of leaves before it. */
  readonly place: number
  /** From that of its sibling up (RFC 6962 §2.1.1). */
  readonly hashes: readonly Digest[]
}

/** The root of a tree, and the path of the wanted leaf; null when there is no such leaf. */
export interface Root {
  readonly files: number
  readonly root: Digest
  readonly path: Path | null
}

/** A part of a tree whose number of leaves is a power of two. */
interface Subtree {
  readonly leaves: number
  readonly hash: Digest
  /** Whether the wanted leaf is in it. */
  readonly isOnPath: boolean
}

/**
 * Computes the root of the Merkle tree of RFC 6962 §2.1 over leaves that are added in order. It holds one
 * hash for each bit of their number, and computes a path on the way.
 */
export function createRootHash(hash: Hash) {
  const parts: Subtree[] = []
  const hashes: Digest[] = []
  let files = 0
  let place: number | null = null

  /** Two neighbours as one; the path gains the one that it does not lead through. */
  async function join(left: Subtree, right: Subtree): Promise<Subtree> {
    if (left.isOnPath) hashes.push(right.hash)
    if (right.isOnPath) hashes.push(left.hash)
    const node = hashNode(hash, left.hash, right.hash)
    return {
      leaves: left.leaves + right.leaves,
      hash: typeof node === 'string' ? node : await node,
      isOnPath: left.isOnPath || right.isOnPath,
    }
  }

  return {
    /** Adds the next leaf, by its hash. */
    async add(leaf: Digest, isWanted: boolean): Promise<void> {
      if (isWanted) place = files
      files++
      let part: Subtree = { leaves: 1, hash: leaf, isOnPath: isWanted }
      for (let left = parts.at(-1); left?.leaves === part.leaves; left = parts.at(-1)) {
        parts.pop()
        part = await join(left, part)
      }
      parts.push(part)
    },
    async end(): Promise<Root> {
      let whole = parts.pop()
      for (let left = parts.pop(); whole !== undefined && left !== undefined; left = parts.pop())
        whole = await join(left, whole)
      const root = whole?.hash ?? (await hash(new Uint8Array()))
      return { files, root, path: place === null ? null : { place, hashes } }
    },
  }
}

/**
 * The root that a path leads to from a leaf, in a tree of so many leaves (RFC 9162 §2.1.3.2, whose trees are
 * those of RFC 6962); null when no leaf at that place of such a tree has a path of that length.
 */
export async function followPath(
  hash: Hash,
  leaf: Digest,
  { place, hashes }: Path,
  files: number,
): Promise<Digest | null> {
  if (place >= files) return null
  let [at, last] = [place, files - 1]
  let found = leaf
  for (const beside of hashes) {
    if (last === 0) return null
    if (at % 2 === 1 || at === last) {
      found = await hashNode(hash, beside, found)
      // The last leaf of a level without a sibling has none on the levels above either, up to a right one.
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)]
    } else found = await hashNode(hash, found, beside)
    ;[at, last] = [Math.floor(at / 2), Math.floor(last / 2)]
  }
  return last === 0 ? found : null
}
