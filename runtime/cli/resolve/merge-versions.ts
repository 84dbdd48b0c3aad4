import { closeSync, constants, ftruncateSync, lstatSync, openSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { say } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import { createFolder } from '../download/folder.ts'
import { getFile } from '../download/get-file.ts'
import { refusing } from '../download/part-file.ts'
import { requireAnswers } from './find-conflict.ts'
import { mergeWithGit, runTool, takesTwo, type VersionFile } from './programs.ts'
import {
  createResult,
  type Resolved,
  type ResolveTask,
  readList,
  readResult,
  removeResult,
} from './result.ts'

/**
 * Gets the versions into a temporary directory, and has a program merge them; null, with the reason said,
 * when the result is there, but not finished. Throws a UserError when no program wrote a result, of which
 * then nothing is left, and for a result that is there already.
 */
export async function mergeVersions(task: ResolveTask): Promise<Resolved | null> {
  const { name, folder, io } = task
  const path = folder.toPath(name)
  await folder.prepare(path)
  if (lstatSync(resolve(io.cwd, path), { throwIfNoEntry: false }) !== undefined)
    throw new UserError(
      `'${path}' is there already; --edited plans the result of an earlier run, or remove it to begin again`,
      'io',
    )
  requireListPath(task)
  const prefix = join(tmpdir(), 'vouch-resolve-')
  const advice = 'TMPDIR names another directory'
  const scratch = await refusing(prefix, mkdtemp(prefix), advice)
  try {
    const { manifest, versions } = await getVersions(task, join(scratch, 'versions'))
    const base = join(scratch, 'base')
    await refusing(base, writeFile(base, ''), advice)
    const command = io.env['MERGETOOL'] ?? ''
    requireMergeable(name, versions, command)
    say(io, `${name}: conflict: ${versions.map(({ id }) => id).join(' ≠ ')}`)
    await createResult(manifest, task)
    let status: number | null
    try {
      status = await merge({ versions, base, result: resolve(io.cwd, path) }, command, task)
    } catch (error) {
      await removeResult(task)
      throw error
    }
    if (status === 0 && !io.signal?.aborted) {
      say(io, `wrote ${path}`)
      return await readResult(manifest, task)
    }
    say(
      io,
      `${name}: not resolved: MERGETOOL ${toEnd(status)}, and what it wrote is in ${path}; --edited plans it`,
    )
    io.signal?.throwIfAborted()
    return null
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Throws a UserError when another file than an earlier list has the path of the list of the versions. */
function requireListPath({ name, folder, io }: ResolveTask): void {
  const path = folder.toConflictPath(name)
  const whole = resolve(io.cwd, path)
  if (!lstatSync(whole, { throwIfNoEntry: false })?.isFile() || readList(whole) !== null) return
  throw new UserError(
    `'${path}' is there already, and is no list of versions; move it away, or -o names another directory`,
    'io',
  )
}

function toEnd(status: number | null): string {
  return status === null ? 'was ended by a signal' : `ended with exit status ${status}`
}

async function getVersions({ name, ask, io }: ResolveTask, directory: string) {
  const destination = createFolder({ directory, names: [], replicas: [] }, io)
  const { manifest, report, problem } = await getFile({ name, query: '', ask, destination, io })
  if (problem !== undefined) throw new UserError(problem.line, problem.type)
  if (manifest === undefined)
    throw new UserError(`${name}: the copies no longer differ; run it again`, 'changed-while-reading')
  requireAnswers(name, manifest.replicas)
  const versions = report.written.map(({ path, replicas: [id = ''] }) => ({ path, id }))
  return { manifest, versions }
}

/** Throws a UserError unless there is a program that takes so many versions. */
function requireMergeable(name: string, { length }: readonly VersionFile[], command: string): void {
  if (length < 2)
    throw new UserError(
      `${name}: only lists know the other versions, so there is nothing to merge; 'vouch plan --for PREFIX=keep:ID' keeps one`,
    )
  if (length > 2 && command === '')
    throw new UserError(
      `${name}: there are ${length} versions, and git merge-file takes two; MERGETOOL names a program that takes them, such as 'vim -d "$MERGED" "$@"'`,
    )
  if (length > 2 && takesTwo(command))
    throw new UserError(
      `${name}: there are ${length} versions, and MERGETOOL takes two, as LOCAL and REMOTE; name all with "$@"`,
    )
}

/** The files of a merge: their paths are absolute. */
interface MergeFiles {
  readonly versions: readonly VersionFile[]
  /** Is empty. */
  readonly base: string
  readonly result: string
}

/**
 * Has git and, when there is a command, that merge the files; resolves with the exit status of the command,
 * null when a signal ended it. Throws a UserError when none of them wrote the result.
 */
async function merge(
  { versions, base, result }: MergeFiles,
  command: string,
  { name, io }: ResolveTask,
): Promise<number | null> {
  const refused = await markDifferences({ versions, base, result }, io)
  if (command === '' && refused === null) return 0
  if (command === '')
    throw new UserError(
      `${name}: git merge-file cannot merge these versions: ${refused}; MERGETOOL names a program that can, or 'vouch plan --for PREFIX=keep:ID' keeps one`,
      'failed-merge',
    )
  const before = lstatSync(result, { bigint: true })
  const status = await runTool(command, { paths: versions.map(({ path }) => path), base, result }, io)
  const after = lstatSync(result, { bigint: true, throwIfNoEntry: false })
  const isWritten = after !== undefined && (after.ino !== before.ino || after.mtimeNs !== before.mtimeNs)
  if (isWritten && after.size > 0n) return status
  throw new UserError(
    `${name}: MERGETOOL ${toEnd(status)} and ${isWritten ? 'left the result empty' : 'wrote no result'}; it is a shell command that writes "$MERGED", such as 'meld "$LOCAL" "$REMOTE" -o "$MERGED"'`,
    'failed-merge',
  )
}

/** Writes the result of git, or leaves it empty and resolves with the reason. */
async function markDifferences(
  { versions, base, result }: MergeFiles,
  io: ResolveTask['io'],
): Promise<string | null> {
  const [first, second, ...others] = versions
  if (first === undefined || second === undefined || others.length > 0) return 'there are more than two'
  const fd = openSync(result, constants.O_WRONLY | constants.O_NOFOLLOW)
  try {
    const refused = await mergeWithGit([first, second], { base, fd }, io)
    if (refused !== null) ftruncateSync(fd)
    return refused
  } finally {
    closeSync(fd)
  }
}
