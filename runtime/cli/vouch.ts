#!/usr/bin/env node
import module from 'node:module'
import { join } from 'node:path'
import about from '../../package.json' with { type: 'json' }
import { toIndexDirectory } from '../node/digests/index-path.ts'
import { isInsideAny } from '../node/mounts/lineage.ts'
import { refuseNode } from './node-version.ts'
import { useServerMemory } from './server-memory.ts'
import { findQuotedPaths } from './settings/settings-path.ts'

// What follows loads nothing that an older Node does not know.
const words = process.argv.slice(2)
const refused = refuseNode(process.versions.node)
if (refused !== null) {
  console.error(`vouch: ${refused}`)
  process.exitCode = 2
} else if (words[0] === '--version') {
  process.stdout.write(`vouch ${about.version}\n`)
} else {
  if (words[0] === 'coordinator' || words[0] === 'replica') useServerMemory()
  cacheCode()
  import('./main.ts')
}

/** Makes Node cache compiled code in the user's cache directory, unless that lies inside a replica. Threads do the same. */
function cacheCode(): void {
  const cache = toIndexDirectory(process.env)
  const cwd = process.cwd()
  if (cache !== null && !isInsideAny(cache, [...words, ...findQuotedPaths(words, process.env, cwd)], cwd))
    process.env['NODE_COMPILE_CACHE'] ??= join(cache, 'compiled')
  // Not every host has this function.
  if (process.env['NODE_COMPILE_CACHE'] && 'enableCompileCache' in module)
    module.enableCompileCache(process.env['NODE_COMPILE_CACHE'])
}
