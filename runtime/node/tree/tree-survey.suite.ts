import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import type { Storage } from '../../../functions/storage/storage.ts'
import type { Found, Span, Survey, SurveyLine } from '../../../functions/storage/survey/survey.ts'
import { openIndexFile } from '../digests/index-file.ts'
import { toIndexFile } from '../digests/index-path.ts'
import type { IndexRow } from '../digests/index-table.ts'
import { toIdentity, toKey } from '../files/identity.ts'

const EVERYTHING: Survey = {
  ranges: [{ after: '', until: null }],
  prefix: '',
  grain: 0,
  maxAge: null,
  match: [],
  exclude: [],
}

/** A survey of all files, each by itself, with `changes`. */
export function survey({ survey }: Storage, changes: Partial<Survey> = {}, signal?: AbortSignal) {
  if (survey === undefined) throw new Error('a directory has a survey of its own')
  return survey({ ...EVERYTHING, ...changes }, { signal })
}

export async function readLines(storage: Storage, changes: Partial<Survey> = {}): Promise<SurveyLine[]> {
  const lines: SurveyLine[] = []
  for await (const line of survey(storage, changes)) lines.push(line)
  return lines
}

export async function find(storage: Storage, changes: Partial<Survey> = {}): Promise<Found[]> {
  return (await readLines(storage, changes)).filter((line) => 'said' in line)
}

export async function readSpans(storage: Storage, changes: Partial<Survey>): Promise<Span[]> {
  return (await readLines(storage, changes)).filter((line) => 'last' in line)
}

/** The paths of a test's tree and its index. */
interface Places {
  readonly root: string
  readonly indexPath: string
}

/** Gives the index another digest of a file's present identity, as if its bytes had rotted since. */
export function forge(places: Places, name: string, digest: string): void {
  const { device, ...rest } = toIdentity(lstatSync(join(places.root, name), { bigint: true }))
  writeRow(places, { name, identity: toKey(device, rest), digest, readAt: Date.now() })
}

/** Removes a file from the index. */
export function forget(places: Places, name: string): void {
  writeRow(places, { name, identity: 'of another', digest: '0'.repeat(64), readAt: Date.now() })
}

function writeRow({ root, indexPath }: Places, row: IndexRow): void {
  const index = openIndexFile(toIndexFile(indexPath, root), () => {})
  index.write([row])
  index.close()
}
