import { parseName } from '../../storage/names.ts'
import { isDigest } from '../../wire/digest.ts'
import { parseTimestamp } from '../../wire/fields/dates.ts'
import type { Manifest } from '../../wire/schemas/manifest.ts'
import type { Row } from '../directory/folder.ts'
import { toBesideName } from './beside.ts'
import type { Entry } from './multistatus.ts'

/** What some holders of a file say of it. */
interface Copies {
  readonly ids: readonly string[]
  readonly file: NonNullable<Entry['file']>
}

/**
 * A row as an entry, and the copies to be shown beside it: one of each holder where the copies differ, by the
 * file's `manifest`, or, where it was not compared, by the sizes that the replicas list.
 */
export function toEntries(
  { name, copies }: Row,
  manifest: Manifest | undefined,
): { readonly entry: Entry; readonly beside: readonly Entry[] } {
  if (copies === null) return { entry: { name }, beside: [] }
  const versions = manifest?.versions ?? []
  if (versions.length > 0) return toFile(name, versions.map(toCopies))
  const sizes = new Set(copies.map(({ size }) => size))
  const listed = copies.map(({ id, size, modified }) => toListed([id], size, modified))
  if (sizes.size > 1) return toFile(name, listed)
  return { entry: { name, file: toWhole(listed) }, beside: [] }
}

function toListed(ids: readonly string[], size: number | null, modified: string | null): Copies {
  return { ids, file: { size, modified: parseTimestamp(modified) } }
}

/** The holders of a version. */
export function toCopies({ replicas, size, modified, digest }: Manifest['versions'][number]): Copies {
  const { ids, file } = toListed(replicas, size, modified)
  // A content that only lists of other sums know has no SHA-256.
  return { ids, file: { ...file, digest: isDigest(digest) ? digest : undefined } }
}

/** The entry of a file with these versions, and, with more than one, those of the copies beside it. */
export function toFile(name: string, versions: readonly Copies[]) {
  const [only, ...more] = versions
  if (only !== undefined && more.length === 0) return { entry: { name, file: only.file }, beside: [] }
  const beside = versions.flatMap(({ ids, file }) =>
    ids.map((id) => ({ name: toBesideName(name, id), file })).filter((one) => parseName(one.name) !== null),
  )
  return { entry: { name, file: toWhole(versions) }, beside }
}

/** What is shown of a file whose versions differ: the greatest size, the latest time, and no digest. */
function toWhole(versions: readonly Copies[]): Copies['file'] {
  const sizes = versions.flatMap(({ file }) => file.size ?? [])
  const times = versions.flatMap(({ file }) => file.modified ?? [])
  return {
    size: sizes.length === 0 ? null : Math.max(...sizes),
    modified: times.length === 0 ? null : Math.max(...times),
  }
}
