import { mkdirSync } from 'node:fs'
import module from 'node:module'
import { Interruption } from '../hosting/io.ts'
import { keepLinesWhole } from '../hosting/workers/whole-lines.ts'
import { openWorker } from '../hosting/workers/worker.ts'
import { endProcess, isHeldUp } from '../node/mounts/held-up.ts'
import { isInsideAny } from '../node/mounts/lineage.ts'
import { toCodeDirectory } from './compiled-code.ts'
import { run } from './run.ts'
import { findQuotedPaths } from './settings/settings-path.ts'

// Exit status 1 means that copies differ; Node would end with it after a crash.
let reportUncaught = (error: unknown) => console.error(error)
let isServer = false
process.on('uncaughtException', (error) => {
  reportUncaught(error)
  process.exit(2)
})

const words = process.argv.slice(2)
const cwd = findCwd()
cacheCode()

function findCwd(): string {
  try {
    return process.cwd()
  } catch {
    console.error('vouch: the current directory no longer exists; change to another one')
    process.exit(2)
  }
}

/**
 * Makes Node cache compiled code in the user's cache directory, unless that lies inside a replica. Threads do
 * the same.
 */
function cacheCode(): void {
  const cache = toCodeDirectory(process.env)
  const isOurs = process.env['NODE_COMPILE_CACHE'] === undefined
  const quoted = findQuotedPaths(words, process.env, cwd)
  if (cache !== null && isOurs && !isInsideAny(cache, [...words, ...quoted], cwd)) {
    process.env['NODE_COMPILE_CACHE'] = cache
    createOwn(cache)
  }
  // Not every host has this function.
  if (process.env['NODE_COMPILE_CACHE'] && typeof module.enableCompileCache === 'function')
    module.enableCompileCache(process.env['NODE_COMPILE_CACHE'])
}

/** Creates the directory so that nobody else can write to it: code is run from there. */
function createOwn(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch {
    // Then no code is kept.
  }
}

const worker = openWorker()
const ending = new AbortController()
const signals = ['SIGINT', 'SIGTERM'] as const

function end(signal: (typeof signals)[number]): void {
  // A second signal gets Node's default handling, which ends the process at once.
  for (const signal of signals) process.off(signal, end)
  ending.abort(new Interruption(signal))
}
if (worker === undefined) for (const signal of signals) process.on(signal, end)

// A reader that goes away, such as head, is not a crash: the write that follows fails.
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})

run(words, {
  // Node loads half of its streams for it, and few commands read it.
  get stdin() {
    return process.stdin
  },
  stdout: worker === undefined ? process.stdout : keepLinesWhole(process.stdout),
  stderr: worker === undefined ? process.stderr : keepLinesWhole(process.stderr),
  cwd,
  env: process.env,
  signal: worker?.signal ?? ending.signal,
  isOwnProcess: true,
  worker,
  onHangup: worker?.onHangup ?? ((listener) => void process.on('SIGHUP', listener)),
  onUncaught(listener) {
    isServer = true
    reportUncaught = listener
  },
}).then((status) => {
  // A server, or a command that was interrupted, does not wait until a reader takes the rest of its output.
  // When a file system holds up a thread, the process would not end by itself. Node then does not take its
  // heap apart, a tenth of a short command.
  if (isServer || (ending.signal.aborted && status !== 0) || isHeldUp() || isTaken()) endProcess(status)
  process.exitCode = status
})

/** Whether the system has taken all output. */
function isTaken(): boolean {
  return process.stdout.writableLength + process.stderr.writableLength === 0
}
