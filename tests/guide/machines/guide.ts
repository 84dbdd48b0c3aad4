import { readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Block, parseBlocks } from './blocks.ts'
import { makeFiles } from './files.ts'
import { type Machine, startMachines } from './machines.ts'

const GUIDE = fileURLToPath(new URL('../../../docs/three-vms.md', import.meta.url))

/** The results of the guide's commands. */
export interface Tally {
  /** Blocks that were run. */
  readonly run: number
  /** Blocks that are marked as not to be run here. */
  readonly left: number
  /** The faults, a text for each block. */
  readonly wrong: readonly string[]
  /** How long the commands took, without the start of the machines. */
  readonly seconds: number
}

export interface GuideOptions {
  /** The package to install; null to put one together from the sources. */
  readonly package: string | null
  /** Called with one line for each block. */
  readonly tell: (line: string) => void
  /** Whether it is called with the output of each block too. */
  readonly isVerbose?: boolean
}

/** Runs every command of docs/three-vms.md on three new machines; stops at the first that fails. */
export async function runGuide({ package: tarball, tell, isVerbose }: GuideOptions): Promise<Tally> {
  const blocks = parseBlocks(readFileSync(GUIDE, 'utf8'))
  const files = makeFiles(tarball, tell)
  const machines = await startMachines([
    { name: 'server1', address: '192.168.1.101', files: files.ofServers },
    { name: 'server2', address: '192.168.1.102', files: files.ofServers },
    { name: 'client', address: '192.168.1.103', files: files.ofClient },
  ])
  const tally = { run: 0, left: 0, wrong: [] as string[], seconds: 0 } // an empty array has no type of its own
  try {
    for (const block of blocks) {
      if (block.mark !== null) {
        tally.left++
        tell(`NOT RUN (${block.mark}): line ${block.line}, on ${block.machine}`)
        continue
      }
      const start = performance.now()
      const wrong = await runBlock(block, machines.get(block.machine), isVerbose ? tell : () => {})
      const seconds = (performance.now() - start) / 1000
      tally.run++
      tally.seconds += seconds
      tell(
        `${wrong === null ? 'ok' : 'WRONG'}: line ${block.line}, on ${block.machine}, ${seconds.toFixed(1)} s`,
      )
      if (wrong === null) continue
      tally.wrong.push(wrong)
      tell(wrong)
      break
    }
  } finally {
    await machines.stop()
    rmSync(files.directory, { recursive: true })
  }
  return tally
}

/** Null when the block printed the expected output, else what it did. */
async function runBlock(
  block: Block,
  machine: Machine,
  tell: (line: string) => void,
): Promise<string | null> {
  const { status, output } = await machine.run(block.script)
  tell(output)
  if (status !== 0) return `${block.script}\nended with ${status}:\n${output}`
  if (block.output === null || output.trim() === block.output.trim()) return null
  return `${block.script}\nsaid:\n${output}\nand not:\n${block.output}`
}
