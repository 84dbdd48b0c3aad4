import { execFile } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Runs a program; resolves with its standard output, and rejects with its standard error. */
export async function run(program: string, ...args: readonly string[]): Promise<string> {
  return (await execute(program, args, { encoding: 'utf8' })).stdout
}

const TRIES = 100
const PAUSE_MS = 200

/** Runs a program until it succeeds, for 20 s. */
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

/** Unmounts `at`, once no file there is open any more. */
export async function unmount(at: string): Promise<void> {
  await insist('umount', at)
}

/** Runs a program that mounts something at `at`, and waits for the mount: some programs return earlier. */
export async function mount(at: string, ...[program = '', ...args]: readonly string[]): Promise<void> {
  await run(program, ...args)
  await insist('mountpoint', '-q', at)
}
