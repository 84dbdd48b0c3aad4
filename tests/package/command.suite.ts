import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Cluster, type Installation, runVouch, startCluster } from '../../scripts/cluster.ts'
import { demand, ROOT, withNode } from '../../scripts/installed.ts'
import { STEPS, toFault } from '../../scripts/scenario.ts'

/** Tests the installed command, in three processes and alone, on one Node. */
export function describeCommand(major: number, setup: () => Installation): void {
  describe(`the installed command on Node ${major}`, () => {
    let installation: Installation
    let cluster: Cluster
    beforeAll(async () => {
      installation = setup()
      cluster = await startCluster(installation)
    })
    afterAll(() => cluster?.stop())

    it('runs on that version', async () => {
      const where = { cwd: installation.directory, env: withNode(installation.node) }
      expect(await demand('node', ['--version'], where)).toMatch(new RegExp(`^v${major}\\.`))
    })

    it('is started by npx, and prints its version', async () => {
      const { directory, node } = installation
      const where = { cwd: directory, env: withNode(node) }
      const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'))
      expect(await demand('npx', ['--offline', 'vouch', '--version'], where)).toBe(`vouch ${version}\n`)
    })

    it('prints its help', async () => {
      const { status, stdout } = await runVouch(installation, ['--help'])
      expect([status, stdout]).toEqual([0, expect.stringMatching(/^ +get /m)])
    })

    it.each(STEPS)('$title', async (step) => {
      expect(toFault(step, await cluster.ask(step.args))).toBeNull()
    })

    it('writes the bytes that the replicas hold', async () => {
      const cwd = await mkdtemp(join(installation.directory, 'client-'))
      await cluster.ask(['get', 'photo.bin'], cwd)
      await cluster.ask(['get', 'file2.txt'], cwd)
      const written = {
        'client_received.bin': 'server2/photo.bin',
        'server1_version.txt': 'server1/file2.txt',
        'server2_version.txt': 'server2/file2.txt',
      }
      expect((await readdir(cwd)).sort()).toEqual(['.vouch-conflict.json', ...Object.keys(written)])
      for (const [name, sample] of Object.entries(written)) {
        expect(await readFile(join(cwd, name))).toEqual(
          await readFile(join(ROOT, 'emulator/samples', sample)),
        )
      }
    })

    it('compares two directories without a server', async () => {
      const replicas = ['server1', 'server2'].flatMap((id) => [
        '--replica',
        `${id}=${join(ROOT, 'emulator/samples', id)}`,
      ])
      const { status, stdout } = await runVouch(installation, ['check', ...replicas])
      expect([status, stdout]).toEqual([1, expect.stringMatching(/^\* file2\.txt$/m)])
    })

    it('logs in JSON lines', async () => {
      await cluster.ask(['get', 'file1.txt'])
      const last = cluster.coordinator.lines.at(-1) ?? ''
      expect(JSON.parse(last)).toMatchObject({ path: '/files/file1.txt', agreement: 'unanimous' })
    })

    it('prints no warning of its own or of Node', async () => {
      const replica = `a=${join(ROOT, 'emulator/samples/server1')}`
      const { status, stderr } = await runVouch(installation, ['check', '--single', '--replica', replica])
      expect(status).toBe(0)
      expect(stderr).not.toMatch(/warning/i)
    })
  })
}
