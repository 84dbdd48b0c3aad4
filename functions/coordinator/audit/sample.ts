import type { CreateHasher } from '../../wire/digest.ts'
import type { Challenge, Confidence } from './audit-request.ts'

const encoder = new TextEncoder()

/**
 * The share of `names` to prove: each is chosen by itself, so of k bad ones none is with the probability
 * (1 - share)^k, which may be 1 - sure at most. (Ateniese et al., Provable Data Possession at Untrusted
 * Stores, CCS 2007, §5.1, draws a fixed number of blocks instead, to the same end.)
 */
export function toShare({ sure, bad }: Confidence, names: number): number {
  const least = Math.max(1, Math.ceil(bad * names))
  return 1 - (1 - sure) ** (1 / least)
}

/** Whether a name is one of this share of all names, by what the seed and its SHA-256 decide. */
export async function isChosen(
  name: string,
  { share, seed }: Challenge & { readonly share: number },
  createHasher: CreateHasher,
): Promise<boolean> {
  return share >= 1 || (await toFraction(createHasher, `${seed}\n${name}`)) < share
}

/** A number from 0 up to 1 that the text decides, evenly spread: the first 48 bits of its SHA-256. */
async function toFraction(createHasher: CreateHasher, text: string): Promise<number> {
  const hasher = createHasher()
  await hasher.update(encoder.encode(text))
  return Number.parseInt((await hasher.digest()).slice(0, 12), 16) / 2 ** 48
}
