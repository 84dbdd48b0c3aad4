import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import { useTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'

/** Two directories, of which `b` is to become like `a`, and what every file held. */
export interface Ground {
  readonly cwd: string
  readonly names: readonly string[]
  /** Nothing `b` held is gone, and no file of it is another than the old or the new one. */
  requireNothingLost(): void
  /** `b` holds what `a` holds. */
  requireEnd(): void
  /** Whether a file of `b`, read at this moment, is whole. */
  readAny(nth: number): void
}

/** `VOUCH_FIRE_STEPS` files (45), of which `b` is missing a third and holds other versions of the rest. */
export function createGround(): Ground {
  const cwd = useTemporaryDirectory('vouch-')
  const names = Array.from(
    { length: Number(process.env['VOUCH_FIRE_STEPS'] ?? 45) },
    (_, i) => `dir${i % 20}/file ${i}`,
  )
  const toNew = (i: number) => `new ${i}\n`.repeat(1 + ((i * 37) % 2000))
  const toOld = (i: number) => (i % 3 === 0 ? null : `old ${i}\n`.repeat(1 + ((i * 53) % 2000)))
  for (const [i, name] of names.entries()) {
    write(join(cwd, 'a', name), toNew(i))
    const old = toOld(i)
    if (old !== null) write(join(cwd, 'b', name), old)
  }

  function requireWhole(i: number): string | null {
    const path = join(cwd, 'b', names[i] ?? '')
    const text = existsSync(path) ? readFileSync(path, 'utf8') : null
    expect([toOld(i), toNew(i)].includes(text), `${names[i]} is whole`).toBe(true)
    return text
  }

  return {
    cwd,
    names,
    readAny: (nth) => void requireWhole(nth % names.length),
    requireNothingLost() {
      for (const [i, name] of names.entries()) {
        const old = toOld(i)
        const now = requireWhole(i)
        if (old === null || now === old) continue
        const kept = join(cwd, 'b', '.vouch/kept', hash(old), name)
        expect(readFileSync(kept, 'utf8'), `what ${name} held`).toBe(old)
      }
    },
    requireEnd() {
      for (const [i, name] of names.entries()) {
        expect(readFileSync(join(cwd, 'b', name), 'utf8') === toNew(i), `${name} is the planned one`).toBe(
          true,
        )
      }
    },
  }
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
