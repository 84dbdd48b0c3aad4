import { closeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import {
  type HashMessage,
  type HashOrder,
  type HashReply,
  type HashWorkerData,
  toTrouble,
} from './disk-messages.ts'
import { toIoError } from './errno.ts'
import { hashFile } from './file-digest.ts'
import { readFileSystem, toKnown } from './file-system.ts'
import { openFile } from './regular-file.ts'
import { resolvePlace } from './root.ts'
import { endThread } from './thread-program.ts'

// A thread that hashes one file after the other, and can be stopped between two reads.

const { root, stop } = workerData as HashWorkerData // from hash-pool.ts

function reply(message: HashReply): void {
  parentPort?.postMessage(message)
}

function hash({ name, now, synced }: HashOrder): HashReply {
  try {
    const place = resolvePlace(root)
    const file = openFile(place, name)
    if (file === null) return { content: null }
    try {
      const isStopped = () => Atomics.load(stop, 0) === 1
      return {
        content: hashFile(file, {
          now,
          synced,
          system: toKnown(readFileSystem(place)),
          isStopped,
          onRead: (bytes) => reply({ bytes, size: file.identity.size }),
        }),
      }
    } finally {
      closeSync(file.fd)
    }
  } catch (error) {
    return { trouble: toTrouble(toIoError(error, 'read')) }
  }
}

parentPort?.on('message', (message: HashMessage) => {
  if (message === 'close') endThread()
  else reply(hash(message))
})
