import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type ServerProcess, startServer } from '../../runtime/cli/process.suite.ts'
import { ROWS } from './siege-limits-rows.suite.ts'

// `npm run test:siege-limits [NAME…]`: puts the load of each row of siege-limits-rows.suite.ts on a replica
// and a coordinator, and measures its effect: a read must be answered within twice its quiet time, and
// resident memory be within 150 MiB of before. Ends with status 1 where either is not so. With names it runs
// the rows of which one is a part.

/** The servers and directories for a row. */
export interface Stage {
  /** Holds `small` (1 KiB) and `large` (60 MB), both hashed; takes writes. */
  readonly replica: ServerProcess
  /** Compares the replica with a directory of its own that holds the same. */
  readonly coordinator: ServerProcess
  /** The directories that the coordinator and the replica serve, for a row that needs other files. */
  readonly directories: readonly string[]
}

/** Something that clients, or a peer, do to servers. */
export interface Row {
  /** What was done, in a few words. */
  readonly name: string
  /**
   * Runs the row. One that still holds connections returns a function that closes them, called after the
   * measurement.
   */
  run(stage: Stage): Promise<(() => void) | undefined>
}

/**
 * The median of so many reads, and the least of so many medians: other programs on the machine are not
 * measured.
 */
const READS = 100
const BATCHES = 5
const MOST_SLOWER = 2
/**
 * A read of this many milliseconds is quick, even if a quiet one is faster: below, a busy machine decides.
 */
const QUICK_MS = 5
const MOST_MIB = 150

interface Measured {
  readonly ms: number
  readonly mib: readonly number[]
}

async function measure({ replica, coordinator }: Stage): Promise<Measured> {
  const medians: number[] = []
  for (let batch = 0; batch < BATCHES; batch++) {
    const times: number[] = []
    for (let i = 0; i < READS; i++) {
      const start = performance.now()
      const answer = await fetch(`${i % 2 === 0 ? replica.url : coordinator.url}/files/small`)
      await answer.arrayBuffer()
      if (answer.status !== 200) throw new Error(`a read was answered with ${answer.status}`)
      times.push(performance.now() - start)
    }
    medians.push(times.sort((a, b) => a - b)[READS / 2] ?? 0)
  }
  const ms = Math.min(...medians)
  return { ms, mib: [replica, coordinator].map(({ pid }) => readResidentMib(pid)) }
}

function readResidentMib(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) / 1024
}

async function createStage(cwd: string): Promise<Stage & { stop(): Promise<void> }> {
  for (const side of ['a', 'b']) {
    mkdirSync(join(cwd, side))
    writeFileSync(join(cwd, side, 'small'), Buffer.alloc(1024, 'small'))
    writeFileSync(join(cwd, side, 'large'), Buffer.alloc(60_000_000, 'large'))
  }
  writeFileSync(join(cwd, 'token'), 'a-token-of-some-length\n', { mode: 0o600 })
  const index = ['--index', 'index']
  const replica = await startServer(['replica', 'b', '--writable', '--open', ...index], cwd)
  const sides = ['--replica', 'a=a', '--replica', `b=${replica.url}`]
  const coordinator = await startServer(['coordinator', ...sides, ...index], cwd)
  for (const { child } of [replica, coordinator]) {
    child.stdout?.resume()
    child.stderr?.resume()
  }
  // Files not hashed yet are hashed in the background, which disturbs every read.
  await fetch(`${coordinator.url}/files/large`, { method: 'HEAD' })
  return {
    ...{ replica, coordinator, directories: [join(cwd, 'a'), join(cwd, 'b')] },
    async stop() {
      await Promise.all([replica.stop(), coordinator.stop()])
    },
  }
}

/** Whether the row did no harm. */
async function judge({ name, run }: Row, cwd: string): Promise<boolean> {
  mkdirSync(cwd)
  const stage = await createStage(cwd)
  try {
    await measure(stage)
    const before = await measure(stage)
    const release = await run(stage)
    const after = await measure(stage).finally(() => release?.())
    const grown = after.mib.map((mib, i) => mib - (before.mib[i] ?? 0))
    const isQuick = after.ms <= Math.max(MOST_SLOWER * before.ms, QUICK_MS)
    const isSmall = grown.every((mib) => mib <= MOST_MIB)
    const sizes = grown.map((mib) => `${mib.toFixed(0)} MiB`).join(' and ')
    console.log(
      `${isQuick && isSmall ? 'ok  ' : 'FAIL'} ${name}: a read took ${before.ms.toFixed(1)} ms, then ${after.ms.toFixed(1)} ms; replica and coordinator grew by ${sizes}`,
    )
    return isQuick && isSmall
  } catch (error) {
    console.log(`FAIL ${name}: ${error instanceof Error ? error.message : error}`)
    return false
  } finally {
    await stage.stop()
  }
}

const wanted = process.argv.slice(2)
const home = mkdtempSync(join(tmpdir(), 'vouch-'))
try {
  for (const [i, row] of ROWS.entries()) {
    if (wanted.length > 0 && !wanted.some((part) => row.name.includes(part))) continue
    if (!(await judge(row, join(home, String(i))))) process.exitCode = 1
    await setTimeout(100)
  }
} finally {
  rmSync(home, { recursive: true, force: true })
}
