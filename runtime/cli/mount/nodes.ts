import { LRUCache } from 'lru-cache'
import { MAX_NODES } from './limits.ts'
import type { Found } from './tree.ts'

/** A file with one content, or a folder, which the kernel knows by a number. */
export interface Node extends Found {
  readonly number: number
  /** Below the root; '' for the root. */
  readonly name: string
}

/** The number of the root. */
export const ROOT = 1

/**
 * The files and folders that the kernel knows. A name with another content is another file, with another
 * number: so what the kernel has of one never gets into the other.
 */
export interface Nodes {
  /** Undefined when it has been forgotten, or dropped for others: the kernel then looks the name up again. */
  find(number: number): Node | undefined
  /** The node of a name with what was found of it; the kernel has looked it up once more. */
  lookUp(name: string, found: Found): Node
  /** Drops a node whose lookups have all been forgotten. */
  forget(number: number, lookups: number): void
}

export function createNodes(root: Found): Nodes {
  const numbers = new Map<string, number>()
  const dispose = (node: Node) => void numbers.delete(toKey(node.name, node))
  // So that no number of files drops the folder in which a program works.
  const files = new LRUCache<number, CountedNode>({ max: MAX_NODES, dispose, noDisposeOnSet: true })
  const folders = new LRUCache<number, CountedNode>({ max: MAX_NODES, dispose, noDisposeOnSet: true })
  const rootNode = { ...root, number: ROOT, name: '' }
  let last = ROOT
  const find = (number: number) => files.get(number) ?? folders.get(number)

  return {
    find: (number) => (number === ROOT ? rootNode : find(number)),
    lookUp(name, found) {
      const key = toKey(name, found)
      const number = numbers.get(key) ?? ++last
      const node = { ...found, number, name, lookups: (find(number)?.lookups ?? 0) + 1 }
      numbers.set(key, number)
      const nodes = found.isFolder ? folders : files
      nodes.set(number, node)
      return node
    },
    forget(number, lookups) {
      const node = find(number)
      if (node === undefined) return
      node.lookups -= lookups
      if (node.lookups > 0) return
      files.delete(number)
      folders.delete(number)
    },
  }
}

interface CountedNode extends Node {
  /** How often the kernel has looked it up, and not forgotten that. */
  lookups: number
}

/** No name has a NUL. */
function toKey(name: string, { isFolder, etag }: Found): string {
  return `${name}\0${isFolder ? '' : (etag ?? '?')}`
}
