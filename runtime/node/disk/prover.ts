import { askOnce } from '../../../functions/storage/ask-once.ts'
import { requireName } from '../../../functions/storage/names.ts'
import type { Proof, ProveOptions, Storage } from '../../../functions/storage/storage.ts'
import { closedError } from '../../../functions/wire/errors.ts'
import { createLimit, type Limit } from '../../../functions/wire/limit.ts'
import type { Place } from '../files/root.ts'
import { getMaxThreads } from '../limits.ts'
import type { Located } from '../mounts/located.ts'
import { createThread, type Thread } from '../threads/thread.ts'
import type { Disk } from './disk.ts'
import type { HashProgress, HashWorkerData } from './disk-messages.ts'
import { createHashControl, type HashControl } from './hash-control.ts'

/** A question to a thread that proves. The answer is null when there is no such file. */
export interface ProveOrder extends Pick<ProveOptions, 'nonce'> {
  readonly place: Place
  readonly name: string
}

export type ProveWorkerData = Pick<HashWorkerData, 'control'>

interface ProveThread {
  readonly thread: Thread<ProveOrder, Proof | null>
  readonly control: HashControl
  /** Called with the progress of the file that it reads. */
  onRead: (progress: HashProgress) => void
}

/** Proves files on threads of its own, one a thread at a time. Its creator closes it. */
export function createProver(disk: Pick<Disk, 'locate'>) {
  let limit: Limit | undefined
  const threads: ProveThread[] = []
  const idle: ProveThread[] = []
  let isClosed = false

  async function proveOne(place: Place, name: string, options: ProveOptions): Promise<Proof | null> {
    const { nonce, signal, onProgress } = options
    signal?.throwIfAborted()
    if (isClosed) throw closedError()
    const one = idle.pop() ?? addThread()
    const stop = () => one.control.stop()
    let before = 0
    one.onRead = ({ bytes, size }) => {
      // A file that changed is read from its beginning.
      const done = bytes > before ? bytes - before : bytes
      before = bytes
      onProgress?.({ done, reading: { name, bytes, size } })
    }
    one.control.begin()
    signal?.addEventListener('abort', stop, { once: true })
    try {
      const proof = await one.thread.ask({ place, name, nonce })
      onProgress?.({ done: 1 })
      return proof
    } catch (error) {
      // One that was stopped says that its file keeps changing.
      signal?.throwIfAborted()
      throw isClosed ? closedError() : error
    } finally {
      signal?.removeEventListener('abort', stop)
      one.onRead = () => {}
      idle.push(one)
    }
  }

  function addThread(): ProveThread {
    const control = createHashControl()
    const one: ProveThread = {
      control,
      onRead: () => {},
      thread: createThread<ProveOrder, Proof | null, HashProgress>('prove-worker', {
        data: { control: control.memory } satisfies ProveWorkerData,
        onEvent: (progress) => one.onRead(progress),
      }),
    }
    threads.push(one)
    return one
  }

  const prove: NonNullable<Storage['prove']> = (names, options) => {
    let located: Promise<Located> | undefined
    limit ??= createLimit(getMaxThreads())
    const { run } = limit
    return askOnce(names, (name) =>
      run(async () => {
        requireName(name)
        located ??= disk.locate('')
        return await proveOne((await located).place, name, options)
      }),
    )
  }

  return {
    prove,
    /** Rejects the questions that wait, stops the readings under way, and ends the threads. */
    async close(): Promise<void> {
      isClosed = true
      for (const { control } of threads) control.stop()
      await Promise.all(threads.map(({ thread }) => thread.close()))
    },
  }
}
