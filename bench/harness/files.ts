import {
  closeSync,
  createReadStream,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** What trees are made of. */
export interface Shape {
  readonly files: number
  /** Bytes of the nth file. */
  readonly sizeOf: (nth: number) => number
}

/** Two trees that are alike but for a few files. */
export interface Pair {
  readonly a: string
  readonly b: string
}

const KIB = 1024
const MIB = KIB * KIB
/** File systems whose clock ticks slowest tick every 2 s: a younger file may change without a trace. */
const SETTLE_MS = 3000

/** The pairs of `bench:trees` and `bench/compare.ts`. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  small: { files: 20_000, sizeOf: (nth) => KIB + ((nth * 7919) % (15 * KIB + 1)) },
  big: { files: 8, sizeOf: () => 512 * MIB },
  tiny: { files: 200_000, sizeOf: () => 64 },
  million: { files: 1_000_000, sizeOf: () => 16 },
  few: { files: 200, sizeOf: () => KIB },
}

/** Makes a pair in `directory` in which some files differ, some are only in `a` and some only in `b`. */
export function createPair(directory: string, shape: Shape): Pair {
  const [a, b] = [join(directory, 'a'), join(directory, 'b')]
  writeTrees([a, b], shape)
  const { files } = shape
  const changes = files > 100 ? 5 : 1
  // Each kind at other places, none at an end.
  const step = Math.floor(files / (2 * changes + 1))
  for (let i = 0; i < changes; i++) {
    flipLastByte(join(b, toName(step * (2 * i + 1))))
    if (files > 100) rmSync(join(b, toName(step * (2 * i + 2))))
    else writeFileSync(join(a, `only a ${i}`), 'x')
    writeFileSync(join(b, `only b ${i}`), 'x')
  }
  return { a, b }
}

/** Writes the same files to each tree. */
export function writeTrees(trees: readonly string[], { files, sizeOf }: Shape): void {
  for (let nth = 0; nth < files; nth++) {
    for (const tree of trees) writeContent(join(tree, toName(nth)), nth, sizeOf(nth))
  }
}

/** Of the nth file: 100 files to a directory, 100 directories to the next above. */
export function toName(nth: number): string {
  const [file, folder, top] = [nth % 100, Math.floor(nth / 100) % 100, Math.floor(nth / 10_000)]
  const pad = (number: number) => String(number).padStart(2, '0')
  return `d${pad(top)}/e${pad(folder)}/f${pad(file)}.bin`
}

function createNoise(length: number): Buffer {
  const noise = Buffer.alloc(length)
  let state = 1
  for (let i = 0; i < length; i += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    noise.writeUInt32LE(state, i)
  }
  return noise
}

const NOISE = createNoise(MIB)

/** Writes a file with the nth content: the same in every run, and unlike every other. */
export function writeContent(path: string, nth: number, size: number): void {
  mkdirSync(dirname(path), { recursive: true })
  const file = openSync(path, 'w')
  const head = Buffer.alloc(Math.min(size, 16))
  head.write(String(nth))
  writeSync(file, head)
  for (let left = size - head.length; left > 0; left -= NOISE.length) {
    writeSync(file, NOISE.subarray(0, Math.min(left, NOISE.length)))
  }
  closeSync(file)
}

/** Changes a file without changing its size. */
export function flipLastByte(path: string): void {
  const file = openSync(path, 'r+')
  const at = statSync(path).size - 1
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, at)
  writeSync(file, Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, at)
  closeSync(file)
}

/** Waits until the files written last are old enough for their digests to be remembered. */
export async function settle(): Promise<void> {
  await delay(SETTLE_MS)
}

/** Reads files whole, so that none of them has to come from the disk. */
export async function warmPageCache(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const stream = createReadStream(path, { highWaterMark: MIB })
    for await (const _ of stream);
  }
}
