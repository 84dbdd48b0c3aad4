import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

/**
 * workerd's own lines: where in its code an answer broke off, which is what faults are for and clients do.
 */
const WORKERD = /^(workerd|kj|capnp)\/|^stack: |^\*\*\* /

/** Passes on to standard error what Workers print, without what workerd itself does. */
export function passOutputOn(...outputs: Readable[]): void {
  for (const input of outputs) {
    createInterface({ input }).on('line', (line) => {
      if (!WORKERD.test(line)) process.stderr.write(`${line}\n`)
    })
  }
}
