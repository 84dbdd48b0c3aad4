import { closeSync } from 'node:fs'
import { hashFile } from '../digests/file-digest.ts'
import type { Content, HashOrder, HashProgress, HashWorkerData } from '../disk/disk-messages.ts'
import { toIoError } from '../files/errno.ts'
import { openFile } from '../files/regular-file.ts'
import { resolvePlace } from '../files/root.ts'
import { readFileSystem, toKnown } from '../mounts/file-system.ts'
import { runProgram } from './program.ts'

// A thread that hashes one file after the other, and can be stopped between two reads.

function hash(
  { root, stop }: HashWorkerData,
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
      isStopped: () => Atomics.load(stop, 0) === 1,
      onRead: (bytes) => report({ bytes, size: file.identity.size }),
    })
  } finally {
    closeSync(file.fd)
  }
}

runProgram<HashWorkerData, HashOrder, Content | null, HashProgress>((data, report) => ({
  answer(order) {
    try {
      return hash(data, order, report)
    } catch (error) {
      throw toIoError(error, 'read')
    }
  },
}))
