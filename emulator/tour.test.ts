import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { showErrors } from '../runtime/node/show-errors.suite.ts'
import { createTemporaryDirectory } from '../runtime/node/temporary-directory.suite.ts'
import { type Emulator, startEmulator } from './emulator.ts'
import { EXPECTATIONS, getSample, SAMPLE_REPLICAS } from './tour-files.ts'

const SCRIPT = fileURLToPath(new URL('tour.ts', import.meta.url))

describe('the tour', () => {
  it('prints that every sample is as expected, in a table of at most 100 columns', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, '--once'])
    expect(stdout).toContain('All as expected.')
    const table = stdout.split('\n').filter((line) => /^(file|─|photo)/.test(line))
    expect(table).toHaveLength(EXPECTATIONS.length + 2)
    for (const line of table) expect(line.length).toBeLessThanOrEqual(100)
  })

  it('prints advice, runs until it is interrupted, and cleans up', async () => {
    const { path: cwd, remove } = createTemporaryDirectory('vouch-tour-test-')
    const child = showErrors(spawn(process.execPath, [SCRIPT], { env: { ...process.env, TMPDIR: cwd } }))
    onTestFinished(() => void child.kill('SIGTERM'))
    const exited = once(child, 'exit')
    const lines: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line)
      if (line.includes('Ctrl-C')) child.kill('SIGINT')
    }
    expect(await exited).toEqual([0, null])
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(100)
    expect(await readdir(cwd)).toEqual([])
    remove()
  })
})

describe('a sample', () => {
  let emulator: Emulator
  const { path: root, remove } = createTemporaryDirectory('vouch-tour-test-')
  beforeAll(async () => {
    emulator = await startEmulator({ replicas: SAMPLE_REPLICAS })
  })
  afterAll(async () => {
    await emulator.close()
    remove()
  })

  it.each([
    ['another exit status', { status: 1 }],
    ['another agreement', { agreement: 'incomplete' as const }],
    ['other bytes', { written: { 'client_received.txt': 'server1/file2.txt' } }],
    ['another file', { written: { 'other.txt': 'server1/file1.txt' } }],
    ['no file', { written: {} }],
  ])('with another result than expected is reported: %s', async (title, other) => {
    const [expectation] = EXPECTATIONS
    if (expectation === undefined) throw new Error('there is no sample')
    // Each in a directory of its own.
    const cwd = await mkdtemp(join(root, `${title.replaceAll(' ', '-')}-`))
    expect((await getSample(expectation, emulator.url, cwd)).expected).toBe(true)
    await rm(join(cwd, expectation.name), { recursive: true })
    expect((await getSample({ ...expectation, ...other }, emulator.url, cwd)).expected).toBe(false)
  })
})
