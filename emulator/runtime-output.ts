import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { Log, LogLevel } from 'miniflare'

/**
 * workerd's own lines: where in its code an answer broke off, which is what faults are for and clients do.
 */
const WORKERD = /^(workerd|kj|capnp)\/|^stack: |^\*\*\* /

/** Passes on to standard error what Workers print, without what workerd itself does. */
function passOutputOn(...outputs: Readable[]): void {
  for (const input of outputs) {
    createInterface({ input }).on('line', (line) => {
      if (!WORKERD.test(line)) process.stderr.write(`${line}\n`)
    })
  }
}

/** Options of each Miniflare: on loopback, nothing of Cloudflare's own, and only the output of Workers. */
export const RUNTIME = {
  host: '127.0.0.1',
  cf: false,
  telemetry: { enabled: false },
  log: new Log(LogLevel.NONE),
  handleRuntimeStdio: passOutputOn,
} as const
