import { createTwoFilesPatch, OMIT_HEADERS } from 'diff'
import { type Chunks, fromBytes, readAll } from '../../../functions/bytes/chunks.ts'
import { type Difference, findDifference, toText } from '../../../functions/bytes/difference.ts'
import type { SentVersion } from '../../../functions/coordinator/compare/compare.ts'
import { toVersionHref } from '../../../functions/wire/fields/routes.ts'
import { escapeControls, formatNumber } from '../../../functions/wire/text.ts'
import { createHasher } from '../../node/hasher.ts'
import { UserError } from '../../node/user-error.ts'
import {
  type CoordinatorClient,
  catchBroken,
  readProblem,
  toUserError,
} from '../client/coordinator-client.ts'
import { CONTRADICTED, readWanted } from '../download/download.ts'
import { MAX_DIFF_BYTES, MAX_DIFF_LINES } from '../limits.ts'

/** How one version differs from another. */
export interface VersionDifference extends Difference {
  /** As `diffTexts` returns it; null when one of them is not text or has more than `MAX_DIFF_BYTES`. */
  readonly diff: string | null
}

/**
 * How two versions of a name differ. Small versions are read whole, others only up to the first difference.
 * Null when no replica holds one of them any more.
 */
export async function readDifference(
  ask: CoordinatorClient,
  name: string,
  versions: readonly [SentVersion, SentVersion],
): Promise<VersionDifference | null> {
  if (versions.some(({ size }) => size > MAX_DIFF_BYTES)) return await readLarge(ask, name, versions)
  const [a, b] = versions
  const [x, y] = await Promise.all([readVersion(ask, name, a), readVersion(ask, name, b)])
  if (x === null || y === null) return null
  const difference = requireDifference(await findDifference(fromBytes(x), fromBytes(y)))
  const [from, to] = [toText(x), toText(y)]
  if (from === null || to === null) return { ...difference, line: null, diff: null }
  const head = `--- ${toLabel(a, name)}\n+++ ${toLabel(b, name)}\n`
  return { ...difference, diff: diffTexts(from, to, head) }
}

async function readLarge(
  ask: CoordinatorClient,
  name: string,
  [a, b]: readonly [SentVersion, SentVersion],
): Promise<VersionDifference | null> {
  const x = await openVersion(ask, name, a)
  try {
    const y = x && (await openVersion(ask, name, b))
    if (x === null || y === null) return null
    return { ...requireDifference(await findDifference(x, y)), diff: null }
  } finally {
    // Does nothing if `findDifference` cancelled it.
    await x?.cancel().catch(() => {})
  }
}

/** Contents with different digests differ. */
function requireDifference(difference: Difference | null): Difference {
  if (difference === null) throw new UserError(CONTRADICTED, 'integrity-failure')
  return difference
}

function toLabel({ holders }: SentVersion, name: string): string {
  return escapeControls(`${holders[0] ?? ''}/${name}`)
}

/**
 * The bytes of a version from any of its holders; null when no replica holds it any more. The caller reads
 * them to the end or cancels them. A transfer that breaks off throws `Broken`.
 */
async function openVersion(
  ask: CoordinatorClient,
  name: string,
  version: SentVersion,
): Promise<Chunks | null> {
  // The comparison has checked how many replicas answer.
  const response = await ask(`${toVersionHref(name, version.digest)}&require=1`)
  if (response.status === 200) {
    const { size } = await readWanted(response, version.digest)
    if (response.body === null) return fromBytes(new Uint8Array())
    if (size === version.size) return catchBroken(response.body)
    await response.body.cancel()
    throw new UserError(
      `the version has ${size} bytes instead of the announced ${version.size}; run it again`,
    )
  }
  const problem = await readProblem(response)
  if (response.status === 404) return null
  throw toUserError(problem, name)
}

/** All bytes of a version that is known to be small, verified against its digest. Null as `openVersion`. */
async function readVersion(
  ask: CoordinatorClient,
  name: string,
  version: SentVersion,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks = await openVersion(ask, name, version)
  if (chunks === null) return null
  const bytes = await readAll(chunks)
  const hasher = createHasher()
  await hasher.update(bytes)
  if ((await hasher.digest()) !== version.digest) throw new UserError(CONTRADICTED, 'integrity-failure')
  return bytes
}

/** A unified diff without control characters; a line that reports it when the texts differ too much. */
function diffTexts(from: string, to: string, head: string): string {
  // The package would quote what `escapeControls` escaped, so the head is made here.
  const options = { context: 3, headerOptions: OMIT_HEADERS, maxEditLength: MAX_DIFF_LINES }
  const hunks = createTwoFilesPatch('', '', from, to, '', '', options)
  if (hunks === undefined) {
    return `no diff: more than ${formatNumber(MAX_DIFF_LINES)} lines were removed or added\n`
  }
  // Line ends and tabs stay as they are.
  return head + hunks.replace(/[^\n\t]+/g, escapeControls)
}
