import { parentPort, workerData } from 'node:worker_threads'
import { createDigestIndex } from './digest-index.ts'
import type { Answers, DiskMessage, DiskReply, DiskWorkerData } from './disk-messages.ts'
import { createDiskReader } from './disk-reader.ts'
import { createLook } from './file-system.ts'
import { openIndexFile, openNoIndexFile } from './index-file.ts'
import { createRootGuard } from './root-guard.ts'
import { endThread } from './thread-program.ts'

// The thread that owns the digest index of one root, and does there all that is quick.

const { root, indexFile } = workerData as DiskWorkerData // from disk.ts
const file = indexFile === null ? openNoIndexFile() : openIndexFile(indexFile, reply)
const index = createDigestIndex(file)
const look = createLook((looked) => reply({ looked }))
const answer = createDiskReader(createRootGuard(root, file), index, look)

function reply(message: DiskReply, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer)
}

function collectBuffers({ answers }: Answers): ArrayBuffer[] {
  return answers.flatMap((held) =>
    held !== null && typeof held === 'object' && 'bytes' in held && held.bytes ? [held.bytes.buffer] : [],
  )
}

parentPort?.on('message', (message: DiskMessage) => {
  if (message === 'close') {
    index.close()
    endThread()
    return
  }
  const answers = answer(message)
  reply(answers, message.extras.size === 0 ? [] : collectBuffers(answers))
})

reply('started')
