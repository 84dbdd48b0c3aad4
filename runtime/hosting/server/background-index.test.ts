import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createCollector, createStage } from '../../cli/stage.suite.ts'
import { hasSharedMemory, SHARED_MEMORY } from '../../node/mounts/shared-memory.suite.ts'
import type { Io } from '../io.ts'
import { openReplicas } from '../open-replicas.ts'
import { withBackgroundIndex } from './background-index.ts'

function createTrees() {
  const stage = createStage()
  for (const name of ['one', 'two']) {
    mkdirSync(join(stage.cwd, name))
    for (let i = 0; i < 3; i++) writeFileSync(join(stage.cwd, name, `${i}`), 'x'.repeat(1024))
  }
  return stage
}

const WORDS = ['one', 'two'].map((id) => ({ id, target: { kind: 'directory', path: id } as const }))

test('a server reports how much the digest index of each directory holds, at its end the cost, and closes it', async () => {
  const { cwd } = createTrees()
  const { promise: said, resolve } = Promise.withResolvers<void>()
  const lines: string[] = []
  const stderr = new Writable({
    write(chunk, _encoding, callback) {
      if (lines.push(String(chunk)) === 2) resolve()
      callback()
    },
  })
  const io: Io = { stdin: Readable.from([]), stdout: createCollector(), stderr, cwd, env: {} }
  const { directories } = await openReplicas({ replicas: WORDS, index: 'index' }, io)
  expect(await withBackgroundIndex(directories, io, async () => await said.then(() => 7))).toBe(7)
  expect(lines.sort()).toEqual(
    ['one', 'two'].flatMap((id) => [
      `${id}: 3 digests computed, 0 known from the index\n`,
      `${id}: digest index holds 3 files (3.0 KiB), 3 of them hashed now\n`,
    ]),
  )
  await expect(directories[0]?.storage.describe(['0'])[0]).rejects.toThrow('the storage was closed')
  expect(readdirSync(join(cwd, 'index')).filter((name) => name.endsWith('.sqlite'))).toHaveLength(2)
})

test('--index names the directory of the digest indexes, and nothing is written without it', async () => {
  const stage = createTrees()
  const args = ['get', '1', '--replica', 'one=one', '--replica', 'two=two']
  expect(await stage.run(args)).toMatchObject({ status: 0 })
  expect(stage.files()).toEqual(['client_received', 'one', 'two'])
  expect(await stage.run([...args, '--index', 'here'])).toMatchObject({ status: 0 })
  expect(readdirSync(join(stage.cwd, 'here')).length).toBeGreaterThanOrEqual(2)
  const cached = await stage.run(args, { env: { XDG_CACHE_HOME: join(stage.cwd, 'cache') } })
  expect(cached.status).toBe(0)
  expect(readdirSync(join(stage.cwd, 'cache'))).toEqual(['vouch'])
  expect(await stage.run([...args, '--index', ''])).toMatchObject({ status: 2 })
})

if (!hasSharedMemory)
  console.warn(`NOT TESTED without tmpfs at ${SHARED_MEMORY}: a directory that no index is filled for`)

test.runIf(hasSharedMemory)(
  'a server reads no file in the background if digests are not remembered',
  async () => {
    const path = mkdtempSync(join(SHARED_MEMORY, 'vouch-filling-'))
    onTestFinished(() => rmSync(path, { recursive: true }))
    writeFileSync(join(path, 'f'), 'text')
    const { cwd } = createStage()
    const stderr = createCollector()
    const io: Io = { stdin: Readable.from([]), stdout: createCollector(), stderr, cwd, env: {} }
    const replicas = [{ id: 'one', target: { kind: 'directory', path } as const }]
    const [directory] = (await openReplicas({ replicas, index: 'index' }, io)).directories
    if (directory === undefined) throw new Error('the directory was not opened')
    const fillIndex = vi.spyOn(directory.storage, 'fillIndex')
    await withBackgroundIndex([directory], io, async () => {})
    expect(fillIndex).not.toHaveBeenCalled()
    expect(stderr.text()).toMatch(
      /^one: digests are not remembered, since tmpfs .*\none: 0 digests computed, 0 known from the index\n$/,
    )
  },
)
