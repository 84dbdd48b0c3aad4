import type { Readable } from 'node:stream'

/**
 * Shows what a child process writes to its standard error. Vitest waits without end for every process that
 * has inherited the standard error of a test file's process, so that one which is left over would keep the
 * run from ending.
 */
export function showErrors<Child extends { readonly stderr: Readable }>(child: Child): Child {
  child.stderr.pipe(process.stderr, { end: false })
  return child
}
