#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import about from '../../package.json' with { type: 'json' }
import { runCompiled } from './compiled-code.ts'
import { refuseNode } from './node-version.ts'
import { useServerMemory } from './server-memory.ts'

// What follows loads nothing that an older Node does not know.
const [command = ''] = process.argv.slice(2)
const refused = refuseNode(process.versions.node)
if (refused !== null) {
  console.error(`vouch: ${refused}`)
  process.exitCode = 2
} else if (command === '--version') {
  process.stdout.write(`vouch ${about.version}\n`)
} else {
  if (command === 'coordinator' || command === 'replica') useServerMemory()
  // The functions that one command calls are not those of another.
  const isBundled = import.meta.url.endsWith('.js')
  if (isBundled) runCompiled(fileURLToPath(new URL('main.js', import.meta.url)), command)
  else import('./main.ts')
}
