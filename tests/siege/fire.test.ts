import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { finish, type ServerProcess, startServer, startVouch } from '../../runtime/cli/process.suite.ts'
import { createGround, type Ground } from './fire.suite.ts'
import { createSmallDisk, NO_DISK, type SmallDisk } from './small-disk.suite.ts'

// `vouch apply` under kill -9: a plan killed once at a random step, and applied again. VOUCH_FIRE_STEPS,
// VOUCH_FIRE_ROUNDS and VOUCH_SEED set how many steps it has, how often it is killed, and where.

const ROUNDS = Number(process.env['VOUCH_FIRE_ROUNDS'] ?? 4)
/** Of those on a small disk. */
const DISK_ROUNDS = Number(process.env['VOUCH_FIRE_ROUNDS'] ?? 2)
const SEED = Number(process.env['VOUCH_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const SECONDS = 120

let state = SEED
/** From 0 to `limit` - 1. */
function random(limit: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state % limit
}

it(
  `a plan that is killed at a random step ends as planned, with nothing lost (seed ${SEED})`,
  async () => {
    for (let round = 0; round < ROUNDS; round++) await (round % 2 === 0 ? killCommand() : killReplica())
  },
  ROUNDS * SECONDS * 1000,
)

it.skipIf(NO_DISK !== null)(
  `an apply that is stopped at a random moment leaves room for the next one on a disk of 1.5 times the data (seed ${SEED})`,
  async () => {
    const disk = createSmallDisk()
    const source = ['--replica', `a=${disk.source}`, '--replica', `b=${disk.target}`, '--index', 'index']
    const planned = await finish(startVouch(['plan', ...source, '--keep', 'a'], disk.cwd))
    expect(planned.status, planned.said[1]).toBe(1)
    writeFileSync(join(disk.cwd, 'plan.json'), planned.said[0] ?? '')
    const apply = ['apply', 'plan.json', ...source, '--writable']
    const moments = { midway: 0, late: 0 }
    for (let round = 0; round < DISK_ROUNDS; round++) {
      disk.clear()
      const signal = round % 2 === 0 ? 'SIGKILL' : 'SIGTERM'
      const isMidway = await endAtRandom(startVouch(apply, disk.cwd), disk, signal)
      moments[isMidway ? 'midway' : 'late']++
      if (signal === 'SIGTERM') expect(disk.readDrafts(), 'drafts after SIGTERM').toEqual([])
      const { status, said } = await finish(startVouch(apply, disk.cwd))
      expect(status, said.join('')).toBe(0)
      disk.requireEnd()
      expect(disk.readDrafts(), 'drafts after the next apply').toEqual([])
    }
    console.info(`ended ${DISK_ROUNDS} times on a small disk: ${JSON.stringify(moments)}`)
  },
  DISK_ROUNDS * SECONDS * 1000,
)

/** Ends the command some time after its first draft was seen; whether it was not done by then. */
async function endAtRandom(child: ChildProcess, disk: SmallDisk, signal: NodeJS.Signals): Promise<boolean> {
  const ended = once(child, 'close')
  child.stdout?.resume()
  child.stderr?.resume()
  while (disk.readDrafts().length === 0 && child.exitCode === null) await setTimeout(1)
  await Promise.race([setTimeout(random(400)), ended])
  child.kill(signal)
  const [status] = await ended
  return status !== 0
}

/** Both replicas are directories of the command's own; the command is killed. */
async function killCommand(): Promise<void> {
  const ground = createGround()
  const source = ['--replica', 'a=a', '--replica', 'b=b', '--index', 'index']
  await plan(ground, source)
  const apply = ['apply', 'plan.json', ...source, '--writable']
  const killed = startVouch(apply, ground.cwd)
  await readSteps(killed, ground, random(ground.names.length))
  killed.kill('SIGKILL')
  await once(killed, 'close')
  ground.requireNothingLost()
  await applyToTheEnd(apply, ground)
}

/** One replica is a server, which is killed; the command reports that steps failed. */
async function killReplica(): Promise<void> {
  const ground = createGround()
  writeFileSync(join(ground.cwd, 'token'), 'a-token-of-some-length\n', { mode: 0o600 })
  const serve = ['replica', 'b', '--writable', '--token-file', 'token', '--index', 'index-b']
  let server: ServerProcess = await startServer(serve, ground.cwd)
  const source = [
    '--replica',
    'a=a',
    '--replica',
    `b=${server.url}`,
    '--token-file',
    'token',
    '--index',
    'index',
  ]
  try {
    await plan(ground, source)
    const apply = ['apply', 'plan.json', ...source, '--writable']
    const child = startVouch(apply, ground.cwd)
    const ended = once(child, 'close')
    await readSteps(child, ground, random(ground.names.length))
    const port = Number(new URL(server.url).port)
    await server.stop()
    ground.requireNothingLost()
    const [status] = await ended
    expect(status).toBe(2)
    ground.requireNothingLost()
    server = await startServer(serve, ground.cwd, port)
    await applyToTheEnd(apply, ground)
  } finally {
    await server.stop()
  }
}

async function plan({ cwd, names }: Ground, source: readonly string[]): Promise<void> {
  const { status, said } = await finish(startVouch(['plan', ...source, '--keep', 'a'], cwd))
  expect(status, said[1]).toBe(1)
  expect(JSON.parse(said[0] ?? '').steps).toHaveLength(names.length)
  writeFileSync(join(cwd, 'plan.json'), said[0] ?? '')
}

/** Resolves when so many steps are done; looks at a file for each. */
async function readSteps({ stdout }: ChildProcess, ground: Ground, steps: number): Promise<void> {
  if (stdout === null) throw new Error('the command has no output')
  let read = 0
  const lines = createInterface({ input: stdout })
  lines.on('line', () => ground.readAny(random(ground.names.length)))
  for await (const _ of lines) if (++read >= steps) return
}

async function applyToTheEnd(apply: readonly string[], ground: Ground): Promise<void> {
  const { status, said } = await finish(startVouch(apply, ground.cwd))
  expect(status, said.join('')).toBe(0)
  ground.requireEnd()
  ground.requireNothingLost()
}
