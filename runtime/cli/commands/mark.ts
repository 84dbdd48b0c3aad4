import { resolve } from 'node:path'
import { say, writeOut } from '../../hosting/io.ts'
import { toIndexPath } from '../../hosting/outside.ts'
import { getErrno, toReason } from '../../node/files/errno.ts'
import { markDirectory } from '../../node/mounts/mark-directory.ts'
import { UserError } from '../../node/user-error.ts'
import type { Command } from '../options/command.ts'
import { readOptions } from '../options/declaration.ts'
import { MARK } from '../options/servers.ts'

export const mark: Command = {
  async run(given, io) {
    const { index } = readOptions(MARK, given)
    const directory = given.operand
    if (!directory) throw new UserError('mark takes DIR, a directory, got none; vouch mark . marks this one')
    const path = resolve(io.cwd, directory)
    const indexPath = toIndexPath(index, io, [{ id: directory, path }])
    const onNotice = (line: string) => say(io, `warning: ${line}`)
    const id = await markDirectory(path, { indexPath, onNotice }).catch((error) => {
      throw toRefusal(directory, error)
    })
    await writeOut(io, `${id}\n`)
    return 0
  },
}

function toRefusal(directory: string, error: unknown): unknown {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  if (getErrno(cause) === '') return error instanceof Error ? new UserError(error.message) : error
  return new UserError(`cannot mark '${directory}': ${toReason(cause)}`)
}
