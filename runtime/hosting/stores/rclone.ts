import { resolve } from 'node:path'
import { parseRcloneWord, RCLONE_RULE, type RcloneWord } from '../../node/rclone/rclone-word.ts'
import { UserError } from '../../node/user-error.ts'
import type { Scheme } from './scheme.ts'

/** A directory of any remote that rclone reads. */
export const rclone: Scheme = {
  names: ['rclone'],
  form: 'rclone:REMOTE:PATH',
  rule: RCLONE_RULE,
  begins: 'rclone:',
  isValid: (address) => parseRcloneWord(address) !== null,
  async open(address, host) {
    const { openRcloneStorage } = await import('../../node/rclone/open-rclone.ts')
    const { directory, places, ...opened } = await openRcloneStorage(requireWord(address), host)
    if (directory === null) return { ...opened, places }
    const { toDirectoryPlaces } = await import('../places.ts')
    const { self, above } = toDirectoryPlaces(resolve(directory), null)
    return { ...opened, places: { self: [...places.self, ...self], above: [...places.above, ...above] } }
  },
}

function requireWord(address: string): RcloneWord {
  const word = parseRcloneWord(address)
  // The message leaves out the address, which may describe a remote with its password.
  if (word === null) throw new UserError(`an address of rclone is ${RCLONE_RULE}`)
  return word
}
