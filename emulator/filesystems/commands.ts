import { execFile } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Runs a program; resolves with what it printed, and rejects with what it wrote to its standard error. */
export async function run(program: string, ...args: readonly string[]): Promise<string> {
  return (await execute(program, args, { encoding: 'utf8' })).stdout
}

const TRIES = 100
const PAUSE_MS = 200

/** Runs a program again until it ends well, for 20 s. */
async function insist(program: string, ...args: readonly string[]): Promise<void> {
  for (let left = TRIES; ; left--) {
    try {
      await run(program, ...args)
      return
    } catch (error) {
      if (left === 0) throw error
      await setTimeout(PAUSE_MS)
    }
  }
}

/** Unmounts what is mounted at `at`, once nothing there is open any more. */
export async function unmount(at: string): Promise<void> {
  await insist('umount', at)
}

/** Runs what mounts something at `at`, and waits until it is there: some programs return before. */
export async function mount(at: string, ...[program = '', ...args]: readonly string[]): Promise<void> {
  await run(program, ...args)
  await insist('mountpoint', '-q', at)
}
