import { type ChildProcess, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { finish } from '../../runtime/cli/process.suite.ts'
import type { Meddler } from './meddler.suite.ts'
import type { Address, Client } from './programs.suite.ts'
import { type Stage, start } from './stage.suite.ts'

/** What a client meets, in the order of the table. */
export const CASES = [
  'agreeing',
  'conflict',
  'replica down',
  'changed between ranges',
  'changed before resume',
  'cut body',
] as const

export type Case = (typeof CASES)[number]

/** Runs a client in one case, and says in a few words how it ended: what a cell of the table says. */
export async function runCase(stage: Stage, client: Client, address: Address, which: Case): Promise<string> {
  if (which === 'changed between ranges' && !client.asksForParts) return 'asks once'
  if (which === 'changed before resume' && client.resume === null) return 'starts over'
  const folder = mkdtempSync(join(stage.root, 'client-'))
  const contents = [0, 1].map((seed) => makeContent(client, folder, seed))
  const [before, after] = contents
  if (before === undefined || after === undefined) throw new Error('two contents are made')
  const name = `${folder.slice(stage.root.length + 1)}${client.format?.extension ?? '.bin'}`
  stage.write(name, before)
  if (which === 'conflict') stage.write(name, after, ['server2'])
  const pinned = `${stage.url}/pinned/${name}`
  stage.meddler.begin({ kind: 'pass' })
  const url = address === 'pinned' ? pinned : await findVersion(pinned)
  if (url === null) return 'no address'
  const path = join(folder, client.writes?.(url) ?? 'written')
  const change = () => stage.write(name, after)
  if (which === 'changed between ranges') stage.meddler.begin({ kind: 'change', change })
  if (which === 'cut body') stage.meddler.begin({ kind: 'cut' })
  if (which === 'changed before resume') {
    stage.meddler.begin({ kind: 'stall' })
    await interrupt(start(client.program, client.get(url, path), folder, PATIENCE_MS), folder, stage.meddler)
    change()
    stage.meddler.begin({ kind: 'pass' })
  }
  const args = which === 'changed before resume' ? client.resume?.(url, path) : client.get(url, path)
  const child = start(client.program, args ?? [], folder, UNHINDERED.has(which) ? PATIENCE_MS : HINDERED_MS)
  stage.meddler.onRequest(MOST_REQUESTS, () => child.kill('SIGKILL'))
  const { status } = await finish(child)
  const written = existsSync(path) ? readFileSync(path) : null
  if (status === null) return child.killed ? 'does not end' : `error ${child.signalCode}`
  return judge(
    status,
    written,
    contents.map((content, i) => expectWritten(client, folder, content, i)),
  )
}

/** `null` where the coordinator leads to none. */
async function findVersion(pinned: string): Promise<string | null> {
  const { headers } = await fetch(pinned, { redirect: 'manual' })
  const location = headers.get('Location')
  return location === null ? null : new URL(location, pinned).href
}

function judge(status: number, written: Uint8Array | null, expected: readonly Buffer[]): string {
  if (status !== 0) return `error ${status}`
  if (written === null) return 'nothing, 0'
  const found = expected.findIndex((content) => content.equals(written))
  if (found >= 0) return found === 0 ? 'right' : 'right, the new'
  const isBeginning = expected.some((content) => content.subarray(0, written.length).equals(written))
  return isBeginning ? 'short, 0' : 'mixed, 0'
}

const SIZE = 6 * 1024 * 1024

function makeContent(client: Client, folder: string, seed: number): Buffer {
  const bytes = randomBytes(SIZE)
  if (client.format === undefined) return bytes
  const { program, make, extension } = client.format
  const path = join(folder, `made-${seed}${extension}`)
  writeFileSync(join(folder, 'bytes'), bytes)
  execFileSync(program, make(path, join(folder, 'bytes'), seed), { stdio: 'ignore' })
  return readFileSync(path)
}

/** What the client writes of a content: that, or what it makes of the same file on a disk. */
function expectWritten(client: Client, folder: string, content: Buffer, seed: number): Buffer {
  if (client.format === undefined || client.writes !== undefined) return content
  const path = join(folder, `expected-${seed}`)
  const made = join(folder, `made-${seed}${client.format.extension}`)
  execFileSync(client.program, client.get(made, path), { stdio: 'ignore' })
  return readFileSync(path)
}

const UNHINDERED: ReadonlySet<Case> = new Set(['agreeing', 'replica down'])
/** Milliseconds. For a client that nothing hinders: longer than any needs on a busy machine. */
const PATIENCE_MS = 60_000
/** For the others, of which some ask again for ever: `does not end`. */
const HINDERED_MS = 20_000
/** After so many requests a client counts as one that asks for ever; those that end send 13 at most. */
const MOST_REQUESTS = 100

/** Stops a client, as a user does with Ctrl-C, once some of a content that stands still is on its disk. */
async function interrupt(child: ChildProcess, folder: string, meddler: Meddler): Promise<void> {
  const ended = finish(child)
  const isOver = () => child.exitCode !== null || child.signalCode !== null
  while (!isOver() && !(meddler.countContents() > 0 && isStored(folder))) await setTimeout(20)
  child.kill('SIGINT')
  await ended
}

/** Whether some file that the client writes has bytes in it. */
function isStored(folder: string): boolean {
  return readdirSync(folder).some(
    (file) => /^written|^\./.test(file) && statSync(join(folder, file)).size > 0,
  )
}
