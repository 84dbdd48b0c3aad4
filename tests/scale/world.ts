import type { Digest } from '../../functions/wire/digest.ts'

/** Two replicas whose names and contents follow from numbers, so that nothing of them has to be held. */
export interface World {
  readonly names: number
  readonly seed: number
  /** Names in a row of which at most one differs. */
  readonly block: number
  /** One in so many blocks has a name that differs. */
  readonly rarity: number
  /** A fourth of the blocks has other differences in another epoch. */
  readonly epoch: number
}

/** A name that is not the same on both replicas: other content on the second, or missing on one of them. */
export interface Odd {
  readonly at: number
  readonly kind: 'differs' | 'missing'
  /** The replica that has the other content, or lacks the name: 0 or 1. */
  readonly replica: number
}

const PREFIX = 'photos/'

/** The name of a number from 0 up; they are in byte order as the numbers are. */
export function toName(n: number): string {
  return PREFIX + String(n).padStart(12, '0')
}

/** The number of the first name after this one. */
export function toNext(after: string): number {
  return after === '' ? 0 : Number(after.slice(PREFIX.length)) + 1
}

/** 32 bits that follow from two numbers, as if at random (MurmurHash3's finalizer). */
function mix(seed: number, n: number): number {
  let hash = Math.imul(seed ^ Math.imul(n, 0x9e3779b1), 0x85ebca6b) ^ Math.floor(n / 2 ** 32)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** A number from 0 up to 1 that follows likewise. */
export function toShare(seed: number, n: number): number {
  return mix(seed, n) / 2 ** 32
}

/** The name of a block that differs; null if none does. */
function findOdd({ names, seed, block, rarity, epoch }: World, nth: number): Odd | null {
  const own = mix(seed + 1, nth) % 4 === 0 ? seed + 1000 * epoch : seed
  if (mix(own + 2, nth) % rarity !== 0) return null
  const at = nth * block + (mix(own + 3, nth) % block)
  const kind = mix(own + 4, nth) % 3 === 0 ? 'differs' : 'missing'
  return at < names ? { at, kind, replica: kind === 'differs' ? 1 : mix(own + 5, nth) % 2 } : null
}

/** The names that differ, from number `from` up to but not `end`, in order. */
export function* listOdd(world: World, from: number, end: number): Generator<Odd> {
  for (let nth = Math.floor(from / world.block); nth * world.block < end; nth++) {
    const odd = findOdd(world, nth)
    if (odd !== null && odd.at >= from && odd.at < end) yield odd
  }
}

/** Bytes of a content. */
export function toSize(n: number): number {
  return 1000 + (n % 1000)
}

/** Whether a replica has the name that is odd, or a name that is not. */
export function isHeld(odd: Odd | undefined, replica: number): boolean {
  return odd?.kind !== 'missing' || odd.replica !== replica
}

/** The digest of a replica's copy of a name, which may be odd. */
export function toDigest({ seed }: World, n: number, odd: Odd | undefined, replica: number): Digest {
  const isOther = odd?.kind === 'differs' && odd.replica === replica
  return (isOther ? 'f' : '0') + (seed * 2 ** 34 + n).toString(16).padStart(63, '0')
}
