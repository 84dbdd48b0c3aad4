import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { showErrors } from '../show-errors.suite.ts'

/** A program that has a file mapped, and stores into it on command. */
export interface Mapper {
  /** Resolves when the bytes are stored, at the beginning of the file. */
  store(text: string): Promise<void>
}

/** Maps a file, not empty, shared and for writing, in a process of its own, until the test has finished. */
export async function mapFile(path: string): Promise<Mapper> {
  const child = showErrors(spawn('python3', ['-c', PROGRAM, path]))
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`python3, which maps a file for this test, ended with ${code}`)
  })
  failed.catch(() => {})
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  onTestFinished(async () => {
    child.stdin.end()
    await failed.catch(() => {})
  })
  await Promise.race([lines.next(), failed])
  return {
    async store(text) {
      child.stdin.write(`${text}\n`)
      await Promise.race([lines.next(), failed])
    },
  }
}

const PROGRAM = `
import mmap, sys
with open(sys.argv[1], 'r+b') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_WRITE) as mapping:
    print('mapped', flush=True)
    for line in sys.stdin:
        text = line.rstrip('\\n').encode()
        mapping[0:len(text)] = text
        print('stored', flush=True)
`
