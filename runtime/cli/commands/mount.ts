import { resolve } from 'node:path'
import { type Io, say } from '../../hosting/io.ts'
import { findHolder } from '../../hosting/outside.ts'
import { UserError } from '../../node/user-error.ts'
import { type Source, withSource } from '../client/source.ts'
import { createAnswers } from '../mount/answers.ts'
import { mountAt, readOwner, requireMounting } from '../mount/device.ts'
import { createTree } from '../mount/tree.ts'
import type { Command } from '../options/command.ts'
import { readOptions } from '../options/declaration.ts'
import { MOUNT } from '../options/listing.ts'

export const mount: Command = {
  async run(given, io) {
    const options = readOptions(MOUNT, given)
    const { operand } = given
    if (!operand) throw new UserError('mount takes DIR, an empty directory, got none')
    requireMounting()
    return await withSource(options, io, { reads: 'trees' }, async (source) => {
      await runMount(resolve(io.cwd, operand), source, io)
      return 0
    })
  },
}

/** Mounts the files of a source at a directory, and resolves once they are unmounted. */
async function runMount(directory: string, { ask, query, directories }: Source, io: Io): Promise<void> {
  const holder = findHolder(directory, directories)
  if (holder !== undefined)
    throw new UserError(`'${directory}' is inside the replica ${holder.id}; mount at a directory outside it`)
  const owner = await readOwner(directory)
  const tree = createTree(ask, query)
  // Fails here where the coordinator cannot be asked.
  await tree.list('')
  let last = ''
  const answers = createAnswers(tree, {
    owner,
    onFailed(name, { message }) {
      if (io.signal?.aborted) return
      const line = `${name}: ${message}`
      if (line !== last) say(io, `warning: ${line}`)
      last = line
    },
  })
  const mounted = await mountAt(directory)
  const end = () => void mounted.unmount()
  io.signal?.addEventListener('abort', end, { once: true })
  if (io.signal?.aborted) end()
  try {
    const served = mounted.serve(answers)
    say(io, `mounted at ${directory}; Ctrl-C or umount ends it`)
    await served
  } catch (error) {
    // Then the coordinator is not asked any more.
    if (!io.signal?.aborted) throw error
  } finally {
    io.signal?.removeEventListener('abort', end)
    await mounted.unmount()
    await mounted.close()
  }
}
