import { parseArgs } from 'node:util'
import { type Emulator, type EmulatorOptions, startEmulator } from './emulator.ts'
import { FAULTS } from './fault.ts'
import { untilInterrupted } from './interrupt.ts'

const USAGE =
  'usage: npm run emulator -- --replica ID=DIRECTORY|r2://BUCKET|service://BUCKET [--replica …] [--buckets DIRECTORY] [--port 6001] [--host 127.0.0.1]'

try {
  const options = parseOptions()
  if (options === 'help') process.stdout.write(`${USAGE}\n`)
  else await run(options)
} catch (error) {
  // A flag, a directory or the port is wrong: a stack trace would not help.
  const isUsage = error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  const words = error instanceof Error ? error.message : error
  process.stderr.write(`emulator: ${words}${isUsage ? `; ${USAGE}` : ''}\n`)
  process.exitCode = 2
}

async function run(options: EmulatorOptions): Promise<void> {
  const emulator = await startEmulator(options)
  printAdvice(emulator, Object.keys(options.replicas))
  await untilInterrupted()
  await emulator.close()
}

function parseOptions(): EmulatorOptions | 'help' {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      replica: { type: 'string', multiple: true, default: [] },
      buckets: { type: 'string' },
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '6001' },
    },
  })
  if (values.help) return 'help'
  const port = Number(values.port)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port takes 0 to 65535, got '${values.port}'`)
  if (values.replica.length === 0) throw new Error(`--replica is missing; ${USAGE}`)
  const replicas = Object.fromEntries(values.replica.map(parseReplica))
  if (Object.keys(replicas).length < values.replica.length) throw new Error('--replica takes each ID once')
  return { replicas, host: values.host, port, buckets: values.buckets }
}

function parseReplica(text: string): [id: string, word: string] {
  const [, id, word] = /^([^=]+)=(.+)$/.exec(text) ?? []
  if (id === undefined || word === undefined)
    throw new Error(`--replica takes ID=DIRECTORY, ID=r2://BUCKET or ID=service://BUCKET, got '${text}'`)
  return [id, word]
}

function printAdvice({ url }: Emulator, [id = '']: readonly string[]): void {
  process.stdout.write(`The coordinator listens on ${url}. Try, with a file's NAME:

  curl -i ${url}/files/NAME
  curl -i ${url}/replicas

One replica, as the coordinator sees it:

  curl -i ${url}/~${id}/files/NAME

Break it, and repair it:

  curl -X PUT -d FAULT ${url}/~emulator/faults/${id}
  curl -X DELETE ${url}/~emulator/faults/${id}

FAULT is one of

  ${FAULTS.map((form) => `'${form}'`).join('\n  ')}

Ctrl-C ends this.
`)
}
