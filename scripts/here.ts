// Runs a program of this repository where the user stands: `npm run` goes to the root first, so that a path
// on the command line would count from there. `node scripts/here.ts PROGRAM [ARGUMENT…]`, the program below
// the root.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [, , program = '', ...args] = process.argv
const path = join(import.meta.dirname, '..', program)
process.argv = [process.execPath, path, ...args]
process.chdir(process.env['INIT_CWD'] ?? '.')
await import(pathToFileURL(path).href)
