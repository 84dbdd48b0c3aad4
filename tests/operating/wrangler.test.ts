import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createStage } from '../../runtime/cli/stage.suite.ts'
import { openWrangler, type Wrangler } from './wrangler.suite.ts'

/**
 * The size of the Workers, and a fifth: an accidental dependency shows, long before the 3 MiB of a free plan.
 * Bytes, compressed.
 */
const MAX_BUNDLE_BYTES = { coordinator: 256 * 1024, replica: 132 * 1024, audit: 236 * 1024 } as const

let wrangler: Wrangler
beforeAll(async () => {
  wrangler = await openWrangler()
})
afterAll(() => wrangler.close())

describe('wrangler.toml', { timeout: 120_000 }, () => {
  it.each([
    ['coordinator', ['env.REPLICAS', 'env.FILES', 'env.SERVER2']],
    ['replica', ['env.STORAGE', 'env.FILES']],
    ['audit', ['env.REPLICAS', 'env.FILES', 'env.MORE', 'env.LEDGER', 'env.AUDITS']],
  ] as const)('deploys the %s, which is small and imports nothing of Node', async (environment, bindings) => {
    const out = join(wrangler.directory, environment)
    const said = await wrangler.run('deploy', '--dry-run', '--env', environment, '--outdir', out)
    for (const binding of bindings) expect(said).toContain(binding)
    const script = await readFile(join(out, `${environment}.js`))
    expect(script.toString()).not.toMatch(/["']node:/)
    const size = gzipSync(script).length
    console.log(`${environment}: ${script.length} bytes, ${size} compressed`)
    expect(size).toBeLessThan(MAX_BUNDLE_BYTES[environment])
  })

  it('runs both under wrangler dev, and the coordinator is degraded without the replica', async () => {
    const state = join(wrangler.directory, 'state')
    const file = join(wrangler.directory, 'file.txt')
    await writeFile(file, 'the same on both')
    for (const bucket of ['vouch-server1', 'vouch-server2']) {
      const where = ['--local', '--persist-to', state]
      await wrangler.run('r2', 'object', 'put', `${bucket}/file.txt`, '--file', file, ...where)
    }
    const replica = await wrangler.dev('replica', '--persist-to', state)
    const coordinator = await wrangler.dev('coordinator', '--persist-to', state, '--var', 'OPEN:true')
    const read = async () => {
      const response = await fetch(`${coordinator.url}/files/file.txt`)
      return [response.headers.get('Replica-Agreement'), await response.text()]
    }
    expect(await read()).toEqual(['unanimous;answered=2;of=2', 'the same on both'])
    await replica.stop()
    expect(await read()).toEqual(['degraded;answered=1;of=2', 'the same on both'])
  })

  it('runs an audit under wrangler dev when its cron trigger fires, which vouch status shows', async () => {
    const state = join(wrangler.directory, 'audited')
    const file = join(wrangler.directory, 'only.txt')
    await writeFile(file, 'on one only')
    await wrangler.run(
      ...['r2', 'object', 'put', 'vouch-server1/only.txt', '--file', file, '--local', '--persist-to', state],
    )
    const flags = ['--persist-to', state, '--var', 'OPEN:true', '--test-scheduled']
    const { url } = await wrangler.dev('audit', ...flags)
    const fired = await fetch(`${url}/cdn-cgi/handler/scheduled?cron=17+3+*+*+*&time=1796000000000`)
    expect(await fired.text()).toBe('ok')
    const { run } = createStage()
    await expect
      .poll(async () => (await run(['status', '--coordinator', url])).stdout)
      .toContain('1 name differs by the last check of each')
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toContain('vouch_last_audit_differences{kind="incomplete"} 1\n')
  })

  it('refuses clients without a token', async () => {
    const coordinator = await wrangler.dev('coordinator', '--persist-to', join(wrangler.directory, 'state'))
    const response = await fetch(`${coordinator.url}/files/file.txt`)
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ detail: expect.stringContaining('TOKEN') })
  })
})
