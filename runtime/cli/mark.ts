import { resolve } from 'node:path'
import { getErrno, toReason } from '../node/errno.ts'
import { markDirectory } from '../node/mark-directory.ts'
import { Refusal } from '../node/refusal.ts'
import type { Command } from './command.ts'
import { say, writeOut } from './io.ts'
import { toIndexPath } from './outside.ts'

/** `vouch mark`: takes a directory as it is now. */
export const mark: Command = {
  async run(flags, [directory], io) {
    if (!directory) throw new Refusal('mark takes DIR, a directory, got none; vouch mark . marks this one')
    const path = resolve(io.cwd, directory)
    const indexPath = toIndexPath(flags, io, [{ id: directory, path }])
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
  if (getErrno(cause) === '') return error instanceof Error ? new Refusal(error.message) : error
  return new Refusal(`cannot mark '${directory}': ${toReason(cause)}`)
}
