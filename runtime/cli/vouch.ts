#!/usr/bin/env node
import module from 'node:module'
import { join } from 'node:path'
import { toIndexDirectory } from '../node/index-path.ts'
import { isInsideAny } from '../node/lineage.ts'
import { refuseNode } from './node-version.ts'

// Before anything is loaded that an older one does not know.
const refused = refuseNode(process.versions.node)
if (refused !== null) {
  console.error(`vouch: ${refused}`)
  process.exit(2)
}

// What Node makes of the sources is kept for the next time, in a place of the user's own that is no part of a replica;
// threads inherit the variable.
const cache = toIndexDirectory(process.env)
if (cache !== null && !isInsideAny(cache, process.argv.slice(2), process.cwd()))
  process.env['NODE_COMPILE_CACHE'] ??= join(cache, 'compiled')
// Other hosts have modules of their own for it, or none.
if (process.env['NODE_COMPILE_CACHE'] && 'enableCompileCache' in module) {
  module.enableCompileCache(process.env['NODE_COMPILE_CACHE'])
}

const [{ run }, { Interruption }, { endProcess, isHeldUp }] = await Promise.all([
  import('./run.ts'),
  import('./io.ts'),
  import('../node/held-up.ts'),
])

const ending = new AbortController()
const signals = ['SIGINT', 'SIGTERM'] as const

function end(signal: (typeof signals)[number]): void {
  // The second signal finds Node's own handling, which ends the process at once.
  for (const signal of signals) process.off(signal, end)
  ending.abort(new Interruption(signal))
}
for (const signal of signals) process.on(signal, end)

// Exit status 1 means that copies differ, which is what Node would say of a crash.
let tellUncaught = (error: unknown) => console.error(error)
let isServer = false
process.on('uncaughtException', (error) => {
  tellUncaught(error)
  process.exit(2)
})

// A reader that goes away, as head does, is no crash; who writes data hears of it from the write.
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})

const status = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  cwd: process.cwd(),
  env: process.env,
  signal: ending.signal,
  onHangup: (listener) => void process.on('SIGHUP', listener),
  onUncaught(listener) {
    isServer = true
    tellUncaught = listener
  },
})

// Neither a server nor a command that was interrupted waits for a reader of what is left to be written; and where a file
// system holds a thread up, the process would not end by itself.
if (isServer || (ending.signal.aborted && status !== 0) || isHeldUp()) endProcess(status)
process.exitCode = status
