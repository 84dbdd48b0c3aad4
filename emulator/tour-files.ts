import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Agreement } from '../functions/wire/schemas/values.ts'
import { CONFLICT_ENDING } from '../runtime/cli/download/destination.ts'
import { run } from '../runtime/cli/run.ts'
import type { Report } from '../runtime/cli/terminal/get-report.ts'

const SAMPLES = fileURLToPath(new URL('samples/', import.meta.url))

/** The sample directory of each replica. */
export const SAMPLE_REPLICAS = { server1: join(SAMPLES, 'server1'), server2: join(SAMPLES, 'server2') }

/** The expected result of one sample. */
export interface Expectation {
  readonly name: string
  readonly agreement: Agreement
  readonly status: number
  /** Each file written, and the sample whose bytes it must hold. */
  readonly written: Readonly<Record<string, string>>
}

/** Every sample, and one that no replica has. */
export const EXPECTATIONS: readonly Expectation[] = [
  toWhole('file1.txt', 'unanimous', 'server1'),
  {
    name: 'file2.txt',
    agreement: 'conflict',
    status: 1,
    written: { 'server1_version.txt': 'server1/file2.txt', 'server2_version.txt': 'server2/file2.txt' },
  },
  toWhole('file3.txt', 'incomplete', 'server1'),
  { name: 'file4.txt', agreement: 'absent', status: 2, written: {} },
  toWhole('file5.txt', 'incomplete', 'server2'),
  toWhole('photo.bin', 'unanimous', 'server1'),
]

function toWhole(name: string, agreement: Agreement, holder: string): Expectation {
  const written = { [`client_received${name.slice(name.indexOf('.'))}`]: `${holder}/${name}` }
  return { name, agreement, status: 0, written }
}

/** The result of one sample. */
export interface Outcome {
  readonly report: Report
  readonly status: number
  /** Whether agreement, exit status and the bytes of every file written are those expected. */
  readonly expected: boolean
}

/**
 * Gets a sample by `vouch get`, in a directory of its own below `root`. Throws when the command prints
 * nothing.
 */
export async function getSample(expectation: Expectation, url: string, root: string): Promise<Outcome> {
  const cwd = join(root, expectation.name)
  await mkdir(cwd)
  const { status, stdout, stderr } = await runVouch(
    ['get', expectation.name, '--coordinator', url, '--json'],
    cwd,
  )
  if (stdout === '') throw new Error(`vouch get ${expectation.name} failed: ${stderr}`)
  const report: Report = JSON.parse(stdout)
  const asExpected = status === expectation.status && report.agreement === expectation.agreement
  return { report, status, expected: asExpected && (await isWritten(expectation, cwd)) }
}

async function runVouch(
  argv: string[],
  cwd: string,
): Promise<{ status: number; stdout: string; stderr: string }> {
  const [stdout, stderr] = [createText(), createText()]
  const io = { stdin: Readable.from([]), stdout: stdout.stream, stderr: stderr.stream, cwd, env: process.env }
  const status = await run(argv, io)
  return { status, stdout: stdout.read(), stderr: stderr.read() }
}

function createText(): { stream: Writable; read: () => string } {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      done()
    },
  })
  return { stream, read: () => Buffer.concat(chunks).toString() }
}

async function isWritten({ written }: Expectation, cwd: string): Promise<boolean> {
  const names = (await readdir(cwd)).filter((name) => name !== CONFLICT_ENDING).sort()
  if (names.join() !== Object.keys(written).sort().join()) return false
  const equal = Object.entries(written).map(async ([name, sample]) =>
    (await readFile(join(cwd, name))).equals(await readFile(join(SAMPLES, sample))),
  )
  return (await Promise.all(equal)).every(Boolean)
}
