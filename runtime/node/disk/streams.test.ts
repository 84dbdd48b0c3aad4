import { close } from 'node:fs'
import { beforeEach, expect, it, vi } from 'vitest'
import type { StreamAnswer, StreamQuestion } from '../threads/stream-worker.ts'
import { createStreams } from './streams.ts'

// A thread that answers with one byte at a time, and crashes on demand.

const FD = 7
let crash = (_error: unknown) => {}
const answers: (StreamAnswer | null)[] = []

vi.mock('node:fs', async (load) => ({ ...(await load<object>()), close: vi.fn() }))
vi.mock('../threads/thread.ts', () => ({
  createThread(_program: string, { onCrash }: { onCrash: (error: unknown) => void }) {
    crash = onCrash
    return {
      ask: async (_question: StreamQuestion) => answers.shift() ?? (await new Promise(() => {})),
      close: async () => {},
    }
  },
}))

beforeEach(() => {
  vi.mocked(close).mockClear()
  answers.splice(0)
})

function read(length: number) {
  const identity = { device: 1n, inode: 1n, size: length, modified: 0n, changed: 0n, born: 0n }
  const content = { identity, digest: '', readAt: 0, systemId: null }
  return createStreams().read({ fd: FD, content, range: { offset: 0, length } } as never) // of no file
}

const byte = (): StreamAnswer => ({ bytes: new Uint8Array(1) })

it('a descriptor that the thread has is closed when the thread crashes', async () => {
  answers.push(byte(), byte())
  const reading = read(3)
  for (let i = 0; i < 2; i++) await reading.next()
  crash(new Error('it crashed'))
  expect(vi.mocked(close).mock.calls).toEqual([[FD]])
  await expect(reading.next()).rejects.toThrow('it crashed')
})

it('a descriptor that the thread has closed after the last bytes is left to whoever has its number then', async () => {
  answers.push(byte(), byte(), { bytes: null })
  const reading = read(2)
  for (let i = 0; i < 2; i++) await reading.next()
  crash(new Error('it crashed'))
  expect(close).not.toHaveBeenCalled()
})

it('the same holds when the last bytes were read ahead of the reader', async () => {
  answers.push(byte(), byte(), byte())
  const reading = read(3)
  for (let i = 0; i < 2; i++) await reading.next()
  await new Promise(setImmediate)
  crash(new Error('it crashed'))
  expect(close).not.toHaveBeenCalled()
})
