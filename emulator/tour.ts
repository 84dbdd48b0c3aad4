import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Emulator, startEmulator } from './emulator.ts'
import { FAULTS } from './fault.ts'
import { untilInterrupted } from './interrupt.ts'
import { toTable } from './table.ts'
import { EXPECTATIONS, getSample, type Outcome, SAMPLE_REPLICAS } from './tour-files.ts'

/** The coordinator's default port, so that commands from here work unchanged with real servers. */
const PORT = 6001

const { once } = parseOptions()
const directory = await mkdtemp(join(tmpdir(), 'vouch-tour-'))
const emulator = await start()
try {
  process.exitCode = (await tour(emulator.url)) ? 0 : 1
  if (!once) {
    print(toAdvice(emulator.url))
    await untilInterrupted()
  }
} finally {
  await emulator.close()
  await rm(directory, { recursive: true })
}

function parseOptions(): { once: boolean } {
  try {
    return parseArgs({ options: { once: { type: 'boolean', default: false } } }).values
  } catch (error) {
    process.stderr.write(
      `${error instanceof Error ? error.message : error}; npm start takes -- --once alone\n`,
    )
    process.exit(2)
  }
}

async function start(): Promise<Emulator> {
  print('Starting two replicas and a coordinator in workerd, on the directories in emulator/samples …')
  try {
    return await startEmulator({ replicas: SAMPLE_REPLICAS, port: PORT })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_ADDRESS_IN_USE')) throw error
    print(`Port ${PORT} is in use; taking a free one.`)
    return await startEmulator({ replicas: SAMPLE_REPLICAS })
  }
}

/** Gets every sample and prints the table; whether every outcome was the expected one. */
async function tour(url: string): Promise<boolean> {
  print(`The coordinator listens on ${url}.\nGetting each file by 'vouch get NAME --coordinator ${url}':\n`)
  const outcomes: Outcome[] = []
  for (const expectation of EXPECTATIONS) outcomes.push(await getSample(expectation, url, directory))
  const ids = Object.keys(SAMPLE_REPLICAS)
  print(toTable(['file', 'agreement', ...ids, 'written', 'exit'], outcomes.map(toRow)))
  const surprises = outcomes.filter(({ expected }) => !expected).map(({ report }) => report.name)
  print(surprises.length === 0 ? 'All as expected.' : `NOT as expected: ${surprises.join(', ')}`)
  return surprises.length === 0
}

function toRow({ report, status, expected }: Outcome): string[] {
  const states = report.replicas.map(({ state, version }) =>
    version ? `${state} ${version?.slice(0, 6)}` : state,
  )
  const written = report.written.map(({ path }) => path).join(', ') || 'nothing'
  return [
    report.name,
    String(report.agreement),
    ...states,
    written,
    expected ? String(status) : `${status} !`,
  ]
}

function toAdvice(url: string): string {
  return `
Try next, in another terminal:

  # a file, and who vouches for it
  curl -i ${url}/files/file1.txt
  # copies that differ: an error by default, every version on request
  curl -i ${url}/files/file2.txt
  curl -i -H 'Accept: multipart/mixed' ${url}/files/file2.txt
  npm run -s vouch -- get file2.txt --coordinator ${url}

Break a replica, and mend it:

  curl -X PUT -d '${FAULTS[0]}' ${url}/~emulator/faults/server2
  # degraded, and says so; and 503 for what only server2 has, never 404
  curl -i ${url}/files/file1.txt
  curl -i ${url}/files/file5.txt
  curl -X DELETE ${url}/~emulator/faults/server2

Other faults:

  ${FAULTS.slice(1).join('\n  ')}

  # the last two; after wrong-bytes the copy is corrupt until it is written again
  curl -fsSo /dev/null '${url}/files/photo.bin?replica=server2'

On directories of yours: npm run emulator -- --replica server1=DIRECTORY --replica server2=DIRECTORY
On three real machines: docs/three-vms.md. Ctrl-C ends this.
`
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
