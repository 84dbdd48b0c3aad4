import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execFileAsync = promisify(execFile)

/** Aborted when the run is to end: it ends the programs that are under way. */
export const interruption = new AbortController()

/** Runs a program to its end and resolves with its standard output; rejects when it fails or `signal` aborts it. */
export async function execute(
  program: string,
  args: readonly string[],
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<string> {
  const signals = signal === undefined ? [interruption.signal] : [interruption.signal, signal]
  const { stdout } = await execFileAsync(program, [...args], { signal: AbortSignal.any(signals) })
  return stdout
}
