import { mkdirSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createMounts, type Mounts } from '../node/mounted.suite.ts'
import { finish, type ServerProcess, startServer, startVouch } from './process.suite.ts'

// One replica lies on a file system that gives no answer, another beside it is healthy.

let mounts: Mounts
let good: string
let hanging: string

beforeAll(async () => {
  mounts = createMounts()
  good = join(mounts.path, 'good')
  hanging = join(mounts.path, 'hanging')
  const behind = join(mounts.path, 'behind')
  for (const path of [good, behind]) {
    mkdirSync(path)
    writeFileSync(join(path, 'a'), 'text')
  }
  const mirror = await mounts.mirror(behind, hanging)
  mirror.stop()
})

afterAll(async () => {
  await mounts.close()
})

/** Runs the command to its end. */
async function run(...args: readonly string[]) {
  const { status, said } = await finish(startVouch(args, mounts.path))
  return { status, stdout: said[0], stderr: said[1] }
}

async function endByTerm({ child }: ServerProcess): Promise<number | null> {
  child.kill('SIGTERM')
  const [status] = await once(child, 'exit')
  return status
}

describe('a replica whose file system gives no answer', () => {
  const silence = ['--silence-timeout', '2']

  it('leaves get with the other copy, degraded, and the command ends with status 3', async () => {
    const args = ['--replica', `a=${hanging}`, '--replica', `b=${good}`, ...silence]
    const ran = await run('get', 'a', '-o', '-', ...args)
    expect(ran).toMatchObject({ status: 3, stdout: 'text' })
    expect(ran.stderr).toContain('a did not answer')
  })
})
