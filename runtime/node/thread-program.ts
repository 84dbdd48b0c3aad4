import { extname } from 'node:path'
import { parentPort } from 'node:worker_threads'

/** Where the program of a thread lies: beside this module, as its source or as what a build made of it. */
export function toThreadProgram(name: string): URL {
  return new URL(`./${name}${extname(import.meta.url)}`, import.meta.url)
}

/** Ends the calling thread, once what it has said is heard. */
export function endThread(): void {
  // Deno's port has no end, and its threads end at once.
  if (parentPort && 'close' in parentPort) parentPort.close()
  else process.exit()
}
