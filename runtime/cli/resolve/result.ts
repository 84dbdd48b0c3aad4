import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import * as v from 'valibot'
import { hasSource } from '../../../functions/coordinator/compare/report.ts'
import { boundedArray, parseJson } from '../../../functions/wire/json/parse.ts'
import { MAX_REPLICAS } from '../../../functions/wire/limits.ts'
import type { Manifest } from '../../../functions/wire/schemas/manifest.ts'
import { contentDigest } from '../../../functions/wire/schemas/values.ts'
import { type Io, say } from '../../hosting/io.ts'
import { getErrno } from '../../node/files/errno.ts'
import { FILE_FLAGS } from '../../node/files/regular-file.ts'
import { UserError } from '../../node/user-error.ts'
import type { CoordinatorClient } from '../client/coordinator-client.ts'
import { prepareList } from '../download/conflict.ts'
import type { Held } from '../download/destination.ts'
import type { Folder } from '../download/folder.ts'
import { hasMarks } from './programs.ts'

/** A name whose versions are merged, and the directory of its result and the list of these versions. */
export interface ResolveTask {
  readonly name: string
  readonly ask: CoordinatorClient
  readonly folder: Folder
  readonly io: Io
}

/** The versions of a name, and the file that shall replace them. */
export interface Resolved {
  readonly manifest: Manifest
  readonly result: Held
}

/** SHA-256 of no bytes. */
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** Writes an empty result, and the list of the versions that it will be made of. */
export async function createResult(manifest: Manifest, { name, folder }: ResolveTask): Promise<void> {
  const { part: list } = await prepareList(manifest, [], folder)
  await list.commit()
  const path = folder.toPath(name)
  await folder.prepare(path)
  const part = await folder.open(path, { digest: EMPTY, size: 0, modified: null })
  await part.commit()
}

export async function removeResult({ name, folder, io }: ResolveTask): Promise<void> {
  const paths = [folder.toPath(name), folder.toConflictPath(name)]
  for (const path of paths) await rm(resolve(io.cwd, path), { force: true })
}

/** The result as it is; null, with the reason said, while marks of differences are left in it. */
export async function readResult(manifest: Manifest, task: ResolveTask): Promise<Resolved | null> {
  const { name, folder, io } = task
  const path = folder.toPath(name)
  const result = await folder.prepare(path)
  if (result === null)
    throw new UserError(`cannot read '${path}'; without --edited, vouch resolve makes a result`, 'io')
  const sources = manifest.versions.filter((version) => hasSource(version, manifest.replicas))
  const ids = sources.map(({ replicas: [first = ''] }) => first)
  if (!(await hasMarks(resolve(io.cwd, path), ids))) return { manifest, result }
  say(
    io,
    `${name}: not resolved: differences are marked in ${path} (<<<<<<< ${ids[0]}); edit it, and run this again with --edited`,
  )
  return null
}

/**
 * The same for the result that an earlier run left. Throws a UserError when there is none, or when the copies
 * are no longer those that it was made of.
 */
export async function readEdited(manifest: Manifest, task: ResolveTask): Promise<Resolved | null> {
  const { folder, name, io } = task
  const path = folder.toPath(name)
  const made = readList(resolve(io.cwd, folder.toConflictPath(name)))
  if (made === null)
    throw new UserError(
      `there is no result of an earlier run for '${path}'; without --edited, vouch resolve makes one`,
      'io',
    )
  const current = manifest.versions.map(({ digest }) => digest)
  if (made.length !== current.length || !current.every((digest) => made.includes(digest)))
    throw new UserError(
      `${name}: the copies have changed since '${path}' was made of them; move it away, and run this again without --edited`,
      'changed-while-reading',
    )
  return await readResult(manifest, task)
}

/** The part of a list of versions that is read here. */
const list = v.object({ versions: boundedArray(v.object({ digest: contentDigest }), MAX_REPLICAS) })

/** The digests in the list of the versions at `path`; null when there is no such list. */
export function readList(path: string): string[] | null {
  try {
    const parsed = parseJson(list, readFileSync(path, { encoding: 'utf8', flag: FILE_FLAGS }))
    return parsed.success ? parsed.output.versions.map(({ digest }) => digest) : null
  } catch (error) {
    if (getErrno(error) !== '') return null
    throw error
  }
}
