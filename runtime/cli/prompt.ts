import { createInterface } from 'node:readline/promises'
import { Refusal } from '../node/refusal.ts'
import type { Io } from './io.ts'

/** Asks for a file name and reads one line; throws a Refusal when there is none. Asks on `stderr`: stdout is data. */
export async function askName(io: Io): Promise<string> {
  io.stderr.write('Enter file name (e.g., test.txt): ')
  // Not as a terminal: Ctrl-C then stays the signal that it is everywhere else.
  const lines = createInterface({
    input: io.stdin,
    terminal: false,
    ...(io.signal && { signal: io.signal }),
  })
  for await (const line of lines) {
    if (line !== '') return line
    break
  }
  throw new Refusal('get takes the name of a file, got none; write it behind the command, as vouch get NAME')
}
