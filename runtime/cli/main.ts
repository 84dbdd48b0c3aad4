import { Interruption } from '../hosting/io.ts'
import { keepLinesWhole } from '../hosting/workers/whole-lines.ts'
import { openWorker } from '../hosting/workers/worker.ts'
import { endProcess, isHeldUp } from '../node/mounts/held-up.ts'
import { run } from './run.ts'

const worker = openWorker()
const ending = new AbortController()
const signals = ['SIGINT', 'SIGTERM'] as const

function end(signal: (typeof signals)[number]): void {
  // A second signal gets Node's default handling, which ends the process at once.
  for (const signal of signals) process.off(signal, end)
  ending.abort(new Interruption(signal))
}
if (worker === undefined) for (const signal of signals) process.on(signal, end)

// Exit status 1 means that copies differ; Node would end with it after a crash.
let reportUncaught = (error: unknown) => console.error(error)
let isServer = false
process.on('uncaughtException', (error) => {
  reportUncaught(error)
  process.exit(2)
})

// A reader that goes away, such as head, is not a crash: the write that follows fails.
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})

run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: worker === undefined ? process.stdout : keepLinesWhole(process.stdout),
  stderr: worker === undefined ? process.stderr : keepLinesWhole(process.stderr),
  cwd: process.cwd(),
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
  // A server, or a command that was interrupted, does not wait until a reader takes the rest of its output. When a file system
  // holds up a thread, the process would not end by itself.
  if (isServer || (ending.signal.aborted && status !== 0) || isHeldUp()) endProcess(status)
  process.exitCode = status
})
