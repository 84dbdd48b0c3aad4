import { execFileSync } from 'node:child_process'
import { closeSync, linkSync, mkdirSync, openSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { parseName } from '../../../functions/storage/names.ts'

/** A path below `root`, of any bytes. */
export function toPath(root: string, ...segments: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(root), ...segments.flatMap((segment) => [Buffer.from('/'), segment])])
}

/** Makes an empty file; throws when something is in its place. */
export function touch(path: Buffer | string): void {
  closeSync(openSync(path, 'wx'))
}

/** The paths of the regular files below `root`, in no order. */
export function listNaively(root: string, above: readonly Buffer[] = []): Buffer[] {
  return readdirSync(toPath(root, ...above), { withFileTypes: true, encoding: 'buffer' }).flatMap((entry) => {
    const path = [...above, entry.name]
    if (entry.isDirectory()) return listNaively(root, path)
    return entry.isFile()
      ? [Buffer.concat(path.flatMap((one, i) => (i === 0 ? [one] : [Buffer.from('/'), one])))]
      : []
  })
}

/** Those of them that are names, in byte order. */
export function toNames(paths: readonly Buffer[]): string[] {
  const sorted = [...paths].sort(Buffer.compare).map((path) => [path, path.toString()] as const)
  return sorted.flatMap(([path, name]) => (Buffer.from(name).equals(path) ? (parseName(name) ?? []) : []))
}

const segment = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g').map((text) => Buffer.from(text)),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(
        'a-',
        'a.',
        'a0',
        'ab',
        '.vouch',
        '.vouch2',
        'a\\b',
        'é',
        '\ufffd',
        '\uffff',
        '\ue000',
        '\u{10000}',
        '\u{1f600}',
        '\n',
        ' ',
      )
      .map((text) => Buffer.from(text)),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('ff', '61ff', 'c3', 'eda080', 'f4908080')
      .map((hex) => Buffer.from(hex, 'hex')),
  },
)
const kind = fc.constantFrom('file', 'file', 'file', 'directory', 'link', 'link to a directory', 'fifo')
/** The tree to make: names of every kind, and their entries. */
export const tree = fc.array(fc.record({ path: fc.array(segment, { minLength: 1, maxLength: 3 }), kind }), {
  maxLength: 30,
})

/** Makes as much of it as possible: of two entries in each other's way the first. */
export function make(
  root: string,
  entries: readonly { readonly path: readonly Buffer[]; readonly kind: string }[],
): void {
  const fifo = join(root, '\u0001fifo')
  if (entries.some(({ kind }) => kind === 'fifo')) execFileSync('mkfifo', [fifo])
  for (const { path, kind } of entries) {
    try {
      mkdirSync(toPath(root, ...path.slice(0, -1)), { recursive: true })
      const full = toPath(root, ...path)
      if (kind === 'file') touch(full)
      else if (kind === 'directory') mkdirSync(full)
      else if (kind === 'fifo') linkSync(fifo, full)
      else symlinkSync(kind === 'link' ? 'a' : '.', full)
    } catch {
      // In the way of another.
    }
  }
  rmSync(fifo, { force: true })
}
