import { createDigestIndex } from '../digests/digest-index.ts'
import { openIndexFile } from '../digests/index-file.ts'
import { MAX_RECENT_DIGESTS, MAX_REMEMBERED_DIGESTS } from '../limits.ts'
import { createLook } from '../mounts/file-system.ts'
import { createRootGuard } from '../mounts/root-guard.ts'
import type { CreateProgram } from '../threads/program.ts'
import type { Answers, Batch, DiskEvent, RootWorkerData } from './disk-messages.ts'
import { createDiskReader, NOTHING_DONE } from './disk-reader.ts'

/** The program that owns the digest index of one root, and does all that is quick. */
export const createDiskProgram: CreateProgram<RootWorkerData, Batch, Answers, DiskEvent> = (
  { root, indexFile, opensLate, shared },
  report,
) => {
  const file = shared ?? openIndexFile(indexFile, report, { opensLate })
  const isIndexed = shared !== undefined || indexFile !== null
  const index = createDigestIndex(file, isIndexed ? MAX_RECENT_DIGESTS : MAX_REMEMBERED_DIGESTS)
  const look = createLook((looked) => report({ looked }))
  const guard = createRootGuard(root, file)
  const answer = createDiskReader(guard, index, look)
  report('started')
  return {
    // What opens late is not opened for a look at the root alone.
    answer: (batch) =>
      opensLate && isLook(batch) ? { answers: [guard.look()], ...NOTHING_DONE } : answer(batch),
    transfer: ({ answers }) =>
      answers.flatMap((held) =>
        held !== null && typeof held === 'object' && 'bytes' in held && held.bytes ? [held.bytes.buffer] : [],
      ),
    close: index.close,
  }
}

function isLook({ names, extras }: Batch): boolean {
  return names.length === 1 && extras.get(0)?.look === true
}
