import { randomFillSync } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  mkdirSync,
  openSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** Names below each tree, and their contents' sizes. */
export const SMALL = 'small.bin'
export const MEDIUM = 'medium.bin'
export const CONFLICT = 'conflict.bin'
export const LARGE = 'large.bin'
export const SMALL_BYTES = 1024
export const MEDIUM_BYTES = 64 * 1024

const CHUNK_BYTES = 2 ** 20
const NAMES_A_DIRECTORY = 1000
/** File systems whose clock ticks slowest tick every 2 s: a younger file may change without a trace. */
const SETTLE_MS = 3000

/** Makes `count` trees below `directory` that agree on the small files, except that the first has its own `CONFLICT`. */
export async function createTrees(directory: string, count: number): Promise<string[]> {
  const same = [SMALL_BYTES, MEDIUM_BYTES, SMALL_BYTES].map((bytes) => randomFillSync(Buffer.alloc(bytes)))
  const other = randomFillSync(Buffer.alloc(SMALL_BYTES))
  const trees = Array.from({ length: count }, (_, i) => join(directory, String(i + 1)))
  for (const [i, tree] of trees.entries()) {
    mkdirSync(tree, { recursive: true })
    for (const [j, name] of [SMALL, MEDIUM, CONFLICT].entries()) {
      const content = name === CONFLICT && i === 0 ? other : (same[j] ?? other)
      writeFileSync(join(tree, name), content)
      age(join(tree, name))
    }
  }
  await settle()
  return trees
}

/** Writes the same `bytes` random bytes to all `paths`. */
export async function createCopies(paths: readonly string[], bytes: number): Promise<void> {
  const [first = '', ...others] = paths
  const file = openSync(first, 'w')
  const chunk = Buffer.alloc(CHUNK_BYTES)
  for (let left = bytes; left > 0; left -= chunk.length) {
    writeSync(file, randomFillSync(chunk), 0, Math.min(left, chunk.length))
  }
  closeSync(file)
  for (const other of others) await copyFile(first, other)
  for (const path of paths) age(path)
  await settle()
}

/** Makes two trees of `count` files of 100 bytes, all different; returns the names. */
export async function createManyFiles(trees: readonly string[], count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, i) => `d${Math.floor(i / NAMES_A_DIRECTORY)}/f${i}.txt`)
  for (const tree of trees) {
    for (let i = 0; i < count; i += NAMES_A_DIRECTORY) {
      mkdirSync(join(tree, `d${i / NAMES_A_DIRECTORY}`), { recursive: true })
    }
    for (const name of names) {
      writeFileSync(join(tree, name), name.padEnd(100, '.'))
      age(join(tree, name))
    }
  }
  await settle()
  return names
}

/** Waits until the files written last are old enough for their digests to be remembered. */
export async function settle(): Promise<void> {
  await delay(SETTLE_MS)
}

/** Reads files whole, so that none of them has to come from the disk. */
export async function warmPageCache(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES })
    for await (const _ of stream);
  }
}

/** Sets the time of the last change to yesterday. */
function age(path: string): void {
  const yesterday = Date.now() / 1000 - 86_400
  utimesSync(path, yesterday, yesterday)
}
