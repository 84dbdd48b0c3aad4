import * as v from 'valibot'
import { RESERVED } from '../../../functions/storage/names.ts'
import { MAX_ENCODED_NAMES } from '../limits.ts'
import type { Crypt } from './rclone-remotes.ts'
import { type RcloneItem, type RcloneServer, toRefusalError } from './rclone-server.ts'

/**
 * The items of a directory of a crypt remote in the remote below it; none where that has no such directory.
 */
export async function readBelow(
  server: RcloneServer,
  crypt: Crypt,
  directory: string,
  signal: AbortSignal | undefined,
): Promise<RcloneItem[]> {
  const [encrypted = ''] = await encrypt(server, crypt, [joinPath(directory, 'file')])
  const items = await server.list(crypt.below, encrypted.replace(/\/?[^/]*$/, ''), {
    noModTime: true,
    signal,
  })
  if (items === 'no-directory') return []
  if (typeof items === 'string') throw toRefusalError(items)
  return items
}

/**
 * The items below a directory of a crypt remote that it leaves out, since it cannot decrypt their names.
 * Those that it shows must have been listed after those below.
 */
export async function findUndecryptable(
  server: RcloneServer,
  crypt: Crypt,
  directory: string,
  { below, shown }: { readonly below: readonly RcloneItem[]; readonly shown: readonly RcloneItem[] },
): Promise<RcloneItem[]> {
  const known = new Set<string>()
  for (let i = 0; i < shown.length; i += MAX_ENCODED_NAMES) {
    // The names of directories are encrypted in another way than those of files, or not at all.
    const paths = shown
      .slice(i, i + MAX_ENCODED_NAMES)
      .map(({ Name, IsDir }) => joinPath(directory, IsDir ? `${Name}/file` : Name))
    const encrypted = await encrypt(server, crypt, paths)
    const depth = directory === '' ? 0 : directory.split('/').length
    for (const path of encrypted) known.add(path.split('/')[depth] ?? '')
  }
  return below.filter(({ Name }) => !known.has(Name) && Name !== RESERVED)
}

/**
 * The paths of files in the remote below. rclone can list them too, but derives its key again for each list.
 */
async function encrypt(
  server: RcloneServer,
  { fs }: Crypt,
  paths: readonly string[],
): Promise<readonly string[]> {
  const answer = await server.call('backend/command', { command: 'encode', fs, arg: paths }, encoded)
  if (typeof answer === 'string') throw toRefusalError(answer)
  return answer.result
}

const encoded = v.object({ result: v.array(v.string()) })

/** Either may be ''. */
export function joinPath(directory: string, name: string): string {
  return [directory, name].filter((part) => part !== '').join('/')
}
