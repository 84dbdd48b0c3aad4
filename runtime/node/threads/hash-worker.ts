import { closeSync } from 'node:fs'
import { hashFile } from '../digests/file-digest.ts'
import type { Content, HashOrder, HashProgress, HashWorkerData } from '../disk/disk-messages.ts'
import { createHashControl, type HashControl } from '../disk/hash-control.ts'
import { toIoError } from '../files/errno.ts'
import { openFile } from '../files/regular-file.ts'
import { resolvePlace } from '../files/root.ts'
import { readFileSystem, toKnown } from '../mounts/file-system.ts'
import { runProgram } from './program.ts'

// A thread that hashes one file after the other, and can be held and stopped between two reads.

function hash(
  { root, control }: { readonly root: string; readonly control: HashControl },
  { name, now, synced }: HashOrder,
  report: (progress: HashProgress) => void,
): Content | null {
  const place = resolvePlace(root)
  const file = openFile(place, name)
  if (file === null) return null
  try {
    return hashFile(file, {
      now,
      synced,
      system: toKnown(readFileSystem(place)),
      isStopped: control.isStopped,
      onRead(bytes) {
        // Before the report, which lets it go.
        control.hold()
        report({ bytes, size: file.identity.size })
      },
    })
  } finally {
    closeSync(file.fd)
  }
}

runProgram<HashWorkerData, HashOrder, Content | null, HashProgress>(({ root, control: memory }, report) => {
  const control = createHashControl(memory)
  return {
    answer(order) {
      try {
        return hash({ root, control }, order, report)
      } catch (error) {
        throw toIoError(error, 'read')
      }
    },
  }
})
