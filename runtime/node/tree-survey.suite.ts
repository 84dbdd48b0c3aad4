import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import type { Storage } from '../../functions/storage/storage.ts'
import type { Found, Span, Survey, SurveyLine } from '../../functions/storage/survey.ts'
import { toIdentity, toKey } from './identity.ts'
import { openIndexFile } from './index-file.ts'
import { toIndexFile } from './index-path.ts'
import type { IndexRow } from './index-table.ts'

const EVERYTHING: Survey = {
  ranges: [{ after: '', until: null }],
  prefix: '',
  grain: 0,
  maxAge: null,
  match: [],
  exclude: [],
}

/** A survey of all files, each by itself, changed as told. */
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

/** Where a test's tree and its index lie. */
interface Places {
  readonly root: string
  readonly indexPath: string
}

/** Has the index say of a file, as it is, what its bytes were: as if they had rotted since. */
export function forge(places: Places, name: string, digest: string): void {
  const { device, ...rest } = toIdentity(lstatSync(join(places.root, name), { bigint: true }))
  writeRow(places, { name, identity: toKey(device, rest), digest, readAt: Date.now() })
}

/** Has the index know nothing of a file. */
export function forget(places: Places, name: string): void {
  writeRow(places, { name, identity: 'of another', digest: '0'.repeat(64), readAt: Date.now() })
}

function writeRow({ root, indexPath }: Places, row: IndexRow): void {
  const index = openIndexFile(toIndexFile(indexPath, root), () => {})
  index.write([row])
  index.close()
}
