import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import type { Io } from '../../hosting/io.ts'
import { getErrno } from '../../node/files/errno.ts'
import { FILE_FLAGS } from '../../node/files/regular-file.ts'

/** A file that has a version. */
export interface VersionFile {
  /** Absolute. */
  readonly path: string
  /** The first replica that holds the version. */
  readonly id: string
}

/**
 * Writes to `fd` what both versions have in common, and each difference twice, between marks of git; there is
 * no base, so nothing is chosen. Resolves with the reason in words when git does not, else with null.
 */
export async function mergeWithGit(
  [first, second]: readonly [VersionFile, VersionFile],
  { base, fd }: { readonly base: string; readonly fd: number },
  { env }: Pick<Io, 'env'>,
): Promise<string | null> {
  // Other styles would repeat what both have in common.
  const style = ['-c', 'merge.conflictStyle=merge']
  const labels = ['-L', first.id, '-L', 'none', '-L', second.id]
  const args = [...style, 'merge-file', '-p', ...labels, '--', first.path, base, second.path]
  const child = spawn('git', args, { env: { ...env }, stdio: ['ignore', fd, 'pipe'] })
  try {
    const said = child.stderr === null ? '' : text(child.stderr)
    const [words, [status]] = await Promise.all([said, once(child, 'close')])
    // The number of differences, at most 127.
    if (status >= 1 && status <= 127) return null
    if (status === 0) return 'one of them is empty'
    return words.trim().split('\n').at(-1) || `git merge-file ended with ${status}`
  } catch (error) {
    if (getErrno(error) === 'ENOENT') return 'git is not installed'
    throw error
  }
}

/** Whether marks of `mergeWithGit` are left in the file at `path`. */
export async function hasMarks(path: string, ids: readonly string[]): Promise<boolean> {
  const marks = ids.flatMap((id) => [`\n<<<<<<< ${id}`, `\n>>>>>>> ${id}`])
  const longest = Math.max(...marks.map(({ length }) => length))
  let end = '\n'
  const handle = await open(path, FILE_FLAGS)
  // Ids are ASCII, so bytes will do.
  for await (const chunk of handle.createReadStream({ encoding: 'latin1' })) {
    const part = end + chunk
    if (marks.some((mark) => part.includes(mark))) return true
    end = part.slice(-longest)
  }
  return false
}

/** Whether a command of `$MERGETOOL` names two versions, and so no more. */
export function takesTwo(command: string): boolean {
  return /\$\{?(LOCAL|REMOTE)\b/.test(command)
}

interface ToolFiles {
  /** Of the versions. */
  readonly paths: readonly string[]
  readonly base: string
  readonly result: string
}

/**
 * Runs a command in a shell, as git runs `mergetool.NAME.cmd`; resolves with its exit status, null when a
 * signal ended it. Ctrl-C is for that program, so this one waits for it.
 */
export async function runTool(
  command: string,
  { paths, base, result }: ToolFiles,
  { cwd, env }: Pick<Io, 'cwd' | 'env'>,
): Promise<number | null> {
  const [local, remote] = paths.length === 2 ? paths : []
  const ignore = () => {}
  process.on('SIGINT', ignore)
  try {
    const child = spawn('/bin/sh', ['-c', command, 'sh', ...paths], {
      cwd,
      env: { ...env, LOCAL: local, REMOTE: remote, BASE: base, MERGED: result },
      // Standard output is the plan's.
      stdio: [0, 2, 2],
    })
    const [status] = await once(child, 'close')
    return status
  } finally {
    process.off('SIGINT', ignore)
  }
}
