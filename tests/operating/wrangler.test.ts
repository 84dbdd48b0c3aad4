import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWrangler, type Wrangler } from './wrangler.suite.ts'

/**
 * The size of the Workers, and a fifth: an accidental dependency shows, long before the 3 MiB of a free plan.
 * Bytes, compressed.
 */
const MAX_BUNDLE_BYTES = { coordinator: 192 * 1024, replica: 118 * 1024 } as const

let wrangler: Wrangler
beforeAll(async () => {
  wrangler = await openWrangler()
})
afterAll(() => wrangler.close())

describe('wrangler.toml', { timeout: 120_000 }, () => {
  it.each([
    ['coordinator', ['env.REPLICAS', 'env.FILES', 'env.SERVER2']],
    ['replica', ['env.STORAGE', 'env.FILES']],
  ] as const)('deploys a %s that is small and imports nothing of Node', async (environment, bindings) => {
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

  it('refuses clients without a token', async () => {
    const coordinator = await wrangler.dev('coordinator', '--persist-to', join(wrangler.directory, 'state'))
    const response = await fetch(`${coordinator.url}/files/file.txt`)
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ detail: expect.stringContaining('TOKEN') })
  })
})
