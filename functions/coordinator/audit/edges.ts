import { compareNames } from '../../storage/names.ts'
import { createSelect } from '../../storage/survey/globs.ts'
import type { Range } from '../../storage/survey/survey.ts'
import { MAX_LISTING_PAGE } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import type { Member } from '../ask/member.ts'
import type { CoordinatorContext } from '../context.ts'
import type { AuditRequest } from './audit-request.ts'

/**
 * Returns folders in which a replica holds names beside the range of an audit, each ending in its slash: the
 * innermost around either end of the range; none for a name that shares no folder with an end.
 */
export type FindEdges = (id: string, name: string) => Promise<readonly string[]>

/**
 * Finds what replicas list beside the range of an audit, so that a folder which a replica lacks is the same
 * in every range as in an audit of all names. Each replica is asked once for each end, and only when it lacks
 * a name of a folder in which the end lies. One that does not answer counts as holding a name there.
 */
export function createEdges(
  { prefix, after = '', until, match, exclude }: AuditRequest,
  {
    members,
    signal,
    ...context
  }: Pick<CoordinatorContext, 'members' | 'exclude'> & {
    readonly signal: AbortSignal
  },
): FindEdges {
  const globs = { match, exclude: [...context.exclude, ...exclude] }
  const isWanted = createSelect(globs)
  const limit = globs.match.length + globs.exclude.length > 0 ? MAX_LISTING_PAGE : 1

  async function isHeld(member: Member, folder: string, outside: Range): Promise<boolean> {
    for (let from: string | null = outside.after; from !== null; ) {
      const page = await member.list({ prefix: folder, after: from, limit, signal })
      if (page instanceof StorageError) return true
      for (const { name } of page.entries) {
        if (outside.until !== null && compareNames(name, outside.until) > 0) return false
        if (isWanted(name)) return true
      }
      from = page.next
    }
    return false
  }

  async function findInnermost(id: string, folders: readonly string[], outside: Range): Promise<string> {
    const member = members.find((one) => one.id === id)
    let innermost = ''
    for (const folder of folders) {
      if (member === undefined || !(await isHeld(member, folder, outside))) break
      innermost = folder
    }
    return innermost
  }

  function toEnd(end: string, outside: Range) {
    const folders = toFolders(end, prefix)
    const found = new Map<string, Promise<string>>()
    return {
      isBeside: (name: string) => folders[0] !== undefined && name.startsWith(folders[0]),
      find(id: string): Promise<string> {
        const known = found.get(id) ?? findInnermost(id, folders, outside)
        found.set(id, known)
        return known
      },
    }
  }

  const ends = [
    toEnd(after, { after: '', until: after }),
    ...(until === undefined ? [] : [toEnd(until, { after: until, until: null })]),
  ]
  return (id, name) => Promise.all(ends.filter((end) => end.isBeside(name)).map((end) => end.find(id)))
}

/** The folders of a name, the outermost first, but for those that have names without `prefix`. */
function toFolders(name: string, prefix: string): string[] {
  const folders = [...name.matchAll(/\//g)].map(({ index }) => name.slice(0, index + 1))
  return name.startsWith(prefix) ? folders.filter((folder) => folder.startsWith(prefix)) : []
}
