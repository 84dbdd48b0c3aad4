import { closeSync, mkdirSync, openSync, readSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Two trees that are alike but for a few files. */
export interface Pair {
  readonly a: string
  readonly b: string
  readonly files: number
  /** In one of them. */
  readonly bytes: number
}

/** What a pair is made of. */
export interface Shape {
  readonly files: number
  /** Bytes of the nth file. */
  readonly toSize: (nth: number) => number
  /** How many differ, are missing in `b`, and are there alone: as many of each. */
  readonly changes: number
}

const KIB = 1024
const MIB = KIB * KIB

export const SHAPES: Readonly<Record<string, Shape>> = {
  small: { files: 20_000, toSize: (nth) => KIB + ((nth * 7919) % (15 * KIB + 1)), changes: 5 },
  big: { files: 8, toSize: () => 512 * MIB, changes: 1 },
  tiny: { files: 200_000, toSize: () => 64, changes: 5 },
  million: { files: 1_000_000, toSize: () => 16, changes: 5 },
}

/** Makes a pair in `directory`: contents the same in every run, each file unlike every other. */
export function createPair(directory: string, { files, toSize, changes }: Shape): Pair {
  const [a, b] = [join(directory, 'a'), join(directory, 'b')]
  const noise = createNoise(MIB)
  let bytes = 0
  for (let nth = 0; nth < files; nth++) {
    const size = toSize(nth)
    bytes += size
    for (const tree of [a, b]) writeContent(join(tree, toName(nth)), nth, size, noise)
  }
  // Each kind at other places, none at an end.
  const step = Math.floor(files / (2 * changes + 1))
  for (let i = 0; i < changes; i++) {
    flipLastByte(join(b, toName(step * (2 * i + 1))))
    if (files > 100) rmSync(join(b, toName(step * (2 * i + 2))))
    else write(join(a, `only a ${i}`), 'x')
    write(join(b, 'd00/extra', `only b ${i}`), 'x')
  }
  return { a, b, files, bytes }
}

/** 100 files to a directory, 100 directories to the next above. */
function toName(nth: number): string {
  const [file, folder, top] = [nth % 100, Math.floor(nth / 100) % 100, Math.floor(nth / 10_000)]
  return `d${pad(top)}/e${pad(folder)}/f${pad(file)}.bin`
}

function pad(number: number): string {
  return String(number).padStart(2, '0')
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

function writeContent(path: string, nth: number, size: number, noise: Buffer): void {
  mkdirSync(dirname(path), { recursive: true })
  const file = openSync(path, 'w')
  const head = Buffer.alloc(Math.min(size, 16))
  head.write(String(nth))
  writeSync(file, head)
  for (let left = size - head.length; left > 0; left -= noise.length) {
    writeSync(file, noise.subarray(0, Math.min(left, noise.length)))
  }
  closeSync(file)
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

function flipLastByte(path: string): void {
  const file = openSync(path, 'r+')
  const at = statSync(path).size - 1
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, at)
  writeSync(file, Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, at)
  closeSync(file)
}
