import { createHash as createNodeHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { createMemoryStorage } from '../storage/memory.ts'
import { compareNames } from '../storage/names.ts'
import type { Hasher } from '../wire/digest.ts'
import { NoteError } from './note.ts'
import { readTree } from './read-tree.ts'
import { createHash, createRootHash, followPath, hashLeaf } from './tree.ts'
import { formatPath, parsePath, parseTreeText, toTreeText } from './tree-text.ts'

const sha256 = (...parts: readonly (Uint8Array | string)[]) => {
  const hash = createNodeHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** MTH of RFC 6962 §2.1, as it is defined there. */
function toRoot(leaves: readonly string[]): Buffer {
  const [only = ''] = leaves
  if (leaves.length === 0) return sha256()
  if (leaves.length === 1) return sha256(Uint8Array.of(0), only)
  let half = 1
  while (half * 2 < leaves.length) half *= 2
  return sha256(Uint8Array.of(1), toRoot(leaves.slice(0, half)), toRoot(leaves.slice(half)))
}

/** PATH of RFC 6962 §2.1.1, likewise. */
function toPath(place: number, leaves: readonly string[]): string[] {
  if (leaves.length <= 1) return []
  let half = 1
  while (half * 2 < leaves.length) half *= 2
  const [left, right] = [leaves.slice(0, half), leaves.slice(half)]
  return place < half
    ? [...toPath(place, left), toRoot(right).toString('hex')]
    : [...toPath(place - half, right), toRoot(left).toString('hex')]
}

const createHasher = (): Hasher => {
  const hash = createNodeHash('sha256')
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') }
}
/** As of workerd. */
const createLateHasher = (): Hasher => {
  const hash = createNodeHash('sha256')
  return { update: async (bytes) => void hash.update(bytes), digest: async () => hash.digest('hex') }
}
const hash = createHash(createHasher)
const toDigest = (i: number) => sha256(String(i)).toString('hex')
const toLeaf = (i: number) => `${toDigest(i)}  f${i}`

async function build(count: number, wanted?: number, own = hash) {
  const tree = createRootHash(own)
  for (let i = 0; i < count; i++) await tree.add(await hashLeaf(own, `f${i}`, toDigest(i)), i === wanted)
  return await tree.end()
}

describe('the root of a tree', () => {
  it('is that of RFC 6962 over the lines of sha256sum', async () => {
    for (let count = 0; count <= 70; count++) {
      const leaves = Array.from({ length: count }, (_, i) => toLeaf(i))
      const expected = { files: count, root: toRoot(leaves).toString('hex'), path: null }
      expect(await build(count)).toEqual(expected)
    }
    expect(await build(5, undefined, createHash(createLateHasher))).toEqual(await build(5))
  })

  it('has a path from each leaf, as RFC 6962 has it', async () => {
    for (let count = 1; count <= 40; count++) {
      const leaves = Array.from({ length: count }, (_, i) => toLeaf(i))
      for (let i = 0; i < count; i++) {
        const { root, path } = await build(count, i)
        expect(path).toEqual({ place: i, hashes: toPath(i, leaves) })
        const leaf = await hashLeaf(hash, `f${i}`, toDigest(i))
        expect(await followPath(hash, leaf, path ?? { place: 0, hashes: [] }, count)).toBe(root)
      }
    }
  })

  it('is reached by no other path, place, number of leaves or leaf', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.nat(),
        fc.nat(),
        fc.nat(3),
        async (count, at, n, what) => {
          const i = at % count
          const { root, path } = await build(count, i)
          if (path === null) throw new Error('there is such a leaf')
          const leaf = await hashLeaf(hash, `f${i}`, toDigest(i))
          const { place, hashes } = path
          const attempts = [
            [leaf, { place: (place + 1 + (n % 50)) % 64, hashes }, count],
            [leaf, { place, hashes: [...hashes, toDigest(n)] }, count],
            [leaf, { place, hashes: hashes.slice(1) }, count],
            [toDigest(n), path, count],
          ] as const
          const [other, way, leaves] = attempts[what] ?? attempts[0]
          fc.pre(way.place !== place || way.hashes.length !== hashes.length || other !== leaf)
          expect(await followPath(hash, other, way, leaves)).not.toBe(root)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('takes at most 1 KiB for a path among 2^20 files, and says where it is', () => {
    const hashes = Array.from({ length: 20 }, (_, i) => toDigest(i))
    const text = formatPath({ name: 'a', digest: toDigest(0), place: 2 ** 20 - 1, hashes }, '')
    expect(text.length).toBeLessThanOrEqual(1024)
  })
})

describe('the tree of a storage', () => {
  const files = { b: '2', 'a/b': '1', 'a-b': '3', ä: '4', 'line\nfeed': '5' }

  it('is of its files in byte order, with a path of the wanted one', async () => {
    const storage = createMemoryStorage(files)
    const names = Object.keys(files).sort(compareNames)
    const leaves = names.map(
      (name) => `${sha256(files[name as keyof typeof files]).toString('hex')}  ${name}`,
    )
    const tree = await readTree(storage, '', { createHasher, wanted: 'b' })
    expect(tree).toMatchObject({ files: 5, root: toRoot(leaves).toString('hex') })
    expect(tree.path).toEqual({ place: names.indexOf('b'), hashes: toPath(names.indexOf('b'), leaves) })
    expect(tree.statement?.basis).toBe('read')
    const part = await readTree(storage, 'a', { createHasher, wanted: 'none' })
    expect(part).toMatchObject({ prefix: 'a', files: 2, path: null })
  })

  it('is dated no later than its first file was read, however long the others take', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const began = Math.floor(Date.now() / 1000)
      const onFile = () => {
        vi.setSystemTime(Date.now() + 3_600_000)
      }
      const { statement } = await readTree(createMemoryStorage(files), '', { createHasher, onFile })
      expect(statement?.time).toBeLessThanOrEqual(began)
    } finally {
      vi.useRealTimers()
    }
  })

  it('leaves out no file that cannot be read', async () => {
    const storage = createMemoryStorage(files)
    const describe = storage.describe.bind(storage)
    storage.describe = (names, options) =>
      describe(names, options).map((answer, i) =>
        names[i] === 'b' ? Promise.reject(new Error('a disk')) : answer,
      )
    await expect(readTree({ ...storage }, '', { createHasher })).rejects.toThrow(
      "1 file, the first of them 'b'",
    )
  })
})

describe('the text of a tree, and of a path', () => {
  const tree = { prefix: 'a b/*', files: 12, root: toDigest(1) }
  const placed = { name: 'a b/*c', digest: toDigest(2), place: 3, hashes: [toDigest(4), toDigest(5)] }

  it('is parsed as it was written', () => {
    expect(parseTreeText(toTreeText(tree))).toEqual(tree)
    expect(parsePath(formatPath(placed, 'note\n\nx\n'))).toEqual({ placed, note: 'note\n\nx\n' })
  })

  it('is refused when it is anything else', () => {
    const [text, path] = [toTreeText(tree), formatPath(placed, 'note\n')]
    const changes = [
      text.slice(1),
      text.replace('12', '012'),
      text.replace('%20', ' '),
      `${text}x\n`,
      text.replace('names', 'name'),
    ]
    for (const changed of changes) expect(() => parseTreeText(changed)).toThrow(NoteError)
    for (const changed of ['', path.slice(1), path.replace('place 3', 'place x'), path.replace('=\n', '\n')])
      expect(() => parsePath(changed)).toThrow(NoteError)
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (junk) => {
        expect(() => parseTreeText(junk)).toThrow(NoteError)
        expect(() => parsePath(`vouch-path/v1\n${junk}`)).toThrow(NoteError)
      }),
    )
  })
})
