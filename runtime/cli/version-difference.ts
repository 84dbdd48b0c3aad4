import type { Version } from '../../functions/coordinator/compare.ts'
import { type Difference, findDifference, toText } from '../../functions/storage/difference.ts'
import { fromBytes } from '../../functions/storage/streams.ts'
import { Refusal } from '../node/refusal.ts'
import type { Ask } from './ask.ts'
import { CONTRADICTED } from './download.ts'
import { MAX_DIFF_BYTES } from './limits.ts'
import { diffTexts } from './text-diff.ts'
import { openVersion, readVersion } from './versions.ts'

/** How one version differs from another. */
export interface VersionDifference extends Difference {
  /** What `diffTexts` says; null when one of them is no text or more than `MAX_DIFF_BYTES`. */
  readonly diff: string | null
}

/**
 * How two versions of a name differ: small ones are read whole, of others no more than up to the difference. Null when
 * one of them is held by nobody any more.
 */
export async function readDifference(
  ask: Ask,
  name: string,
  versions: readonly [Version, Version],
): Promise<VersionDifference | null> {
  const isSmall = versions.every(({ size }) => size <= MAX_DIFF_BYTES)
  return await (isSmall ? readSmall : readLarge)(ask, name, versions)
}

async function readSmall(
  ask: Ask,
  name: string,
  [a, b]: readonly [Version, Version],
): Promise<VersionDifference | null> {
  const [x, y] = await Promise.all([readVersion(ask, name, a), readVersion(ask, name, b)])
  if (x === null || y === null) return null
  const difference = requireDifference(await findDifference(fromBytes(x), fromBytes(y)))
  const [from, to] = [toText(x), toText(y)]
  if (from === null || to === null) return { ...difference, line: null, diff: null }
  const diff = diffTexts({ label: toLabel(a, name), text: from }, { label: toLabel(b, name), text: to })
  return { ...difference, diff }
}

async function readLarge(
  ask: Ask,
  name: string,
  [a, b]: readonly [Version, Version],
): Promise<VersionDifference | null> {
  const x = await openVersion(ask, name, a)
  try {
    const y = x && (await openVersion(ask, name, b))
    if (x === null || y === null) return null
    return { ...requireDifference(await findDifference(x, y)), diff: null }
  } finally {
    // Where `findDifference` has done so already, this does nothing.
    await x?.cancel().catch(() => {})
  }
}

/** Two digests are of two contents. */
function requireDifference(difference: Difference | null): Difference {
  if (difference === null) throw new Refusal(CONTRADICTED)
  return difference
}

function toLabel({ holders }: Version, name: string): string {
  return `${holders[0] ?? ''}/${name}`
}
