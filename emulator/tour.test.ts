import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Emulator, startEmulator } from './emulator.ts'
import { EXPECTATIONS, getSample, SAMPLE_REPLICAS } from './tour-files.ts'

const SCRIPT = fileURLToPath(new URL('tour.ts', import.meta.url))

describe('the tour', () => {
  it('gets every sample as expected, in a table of at most 100 columns', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, '--once'])
    expect(stdout).toContain('All as expected.')
    const table = stdout.split('\n').filter((line) => /^(file|─|photo)/.test(line))
    expect(table).toHaveLength(EXPECTATIONS.length + 2)
    for (const line of table) expect(line.length).toBeLessThanOrEqual(100)
  })

  it('stays up with advice until it is interrupted, and clears away', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'vouch-tour-test-'))
    const child = spawn(process.execPath, [SCRIPT], {
      env: { ...process.env, TMPDIR: cwd },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
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
    await rm(cwd, { recursive: true })
  })
})

describe('a sample', () => {
  let emulator: Emulator
  let root: string
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'vouch-tour-test-'))
    emulator = await startEmulator({ replicas: SAMPLE_REPLICAS })
  })
  afterAll(async () => {
    await emulator.close()
    await rm(root, { recursive: true })
  })

  it.each([
    ['another exit status', { status: 1 }],
    ['another agreement', { agreement: 'incomplete' as const }],
    ['other bytes', { written: { 'client_received.txt': 'server1/file2.txt' } }],
    ['another file', { written: { 'other.txt': 'server1/file1.txt' } }],
    ['no file', { written: {} }],
  ])('that came to %s than expected is told', async (title, other) => {
    const [expectation] = EXPECTATIONS
    if (expectation === undefined) throw new Error('there is no sample')
    // Each in a directory of its own.
    const cwd = await mkdtemp(join(root, `${title.replaceAll(' ', '-')}-`))
    expect((await getSample(expectation, emulator.url, cwd)).expected).toBe(true)
    await rm(join(cwd, expectation.name), { recursive: true })
    expect((await getSample({ ...expectation, ...other }, emulator.url, cwd)).expected).toBe(false)
  })
})
