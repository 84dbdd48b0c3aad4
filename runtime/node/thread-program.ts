import { extname } from 'node:path'

/** Where the program of a thread lies: beside this module, as its source or as what a build made of it. */
export function toThreadProgram(name: string): URL {
  return new URL(`./${name}${extname(import.meta.url)}`, import.meta.url)
}
