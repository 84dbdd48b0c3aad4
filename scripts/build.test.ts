import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { demand, ROOT } from './installed.ts'

let directory: string
let cluster: Cluster | undefined

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-build-'))
  const args = [join(ROOT, 'scripts/build.ts'), join(directory, 'out')]
  await demand(process.execPath, args, { cwd: directory })
  await mkdir(join(directory, 'node_modules/.bin'), { recursive: true })
  await symlink(join(directory, 'out/command/vouch.js'), join(directory, 'node_modules/.bin/vouch'))
}, 120_000)

afterAll(async () => {
  await cluster?.stop()
  await rm(directory, { recursive: true, force: true })
})

it('a build goes where it is told, and holds the library and the command', async () => {
  expect((await readdir(join(directory, 'out'))).sort()).toEqual(['command', 'functions', 'runtime'])
})

it('the command that a build makes compares two trees', async () => {
  await symlink(join(ROOT, 'node_modules'), join(directory, 'out/node_modules'))
  cluster = await startCluster({ directory, node: process.execPath })
  const { status, stdout } = await cluster.ask(['check'])
  expect([status, stdout]).toEqual([1, '* file2.txt\n+ file3.txt\n- file5.txt\n'])
})
