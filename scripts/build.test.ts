import { mkdir, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTemporaryDirectory } from '../runtime/node/temporary-directory.suite.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { demand, ROOT } from './installed.ts'

const { path: directory, remove } = createTemporaryDirectory('vouch-build-')
let cluster: Cluster | undefined

beforeAll(async () => {
  const args = [join(ROOT, 'scripts/build.ts'), join(directory, 'out')]
  await demand(process.execPath, args, { cwd: directory })
  await mkdir(join(directory, 'node_modules/.bin'), { recursive: true })
  await symlink(join(directory, 'out/command/vouch.js'), join(directory, 'node_modules/.bin/vouch'))
}, 120_000)

afterAll(async () => {
  await cluster?.stop()
  remove()
})

it('a build writes the library and the command to the given directory', async () => {
  expect((await readdir(join(directory, 'out'))).sort()).toEqual(['command', 'functions', 'runtime'])
})

it('the command that a build makes compares two trees', async () => {
  await symlink(join(ROOT, 'node_modules'), join(directory, 'out/node_modules'))
  cluster = await startCluster({ directory, node: process.execPath })
  const { status, stdout } = await cluster.ask(['check'])
  expect([status, stdout]).toEqual([1, '* file2.txt\n+ file3.txt\n- file5.txt\n'])
})
