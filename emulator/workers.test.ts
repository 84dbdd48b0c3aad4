import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Log, LogLevel, Miniflare } from 'miniflare'
import { describe, expect, it } from 'vitest'
import { bundle } from './bundle.ts'

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url))

describe('a Worker that is configured wrongly', () => {
  it.each([
    ['runtime/workers/coordinator.ts', { REPLICAS: 'a=service://NOWHERE' }, 'REPLICAS'],
    ['runtime/workers/replica.ts', {}, 'FILES'],
  ])('answers every request with what is wrong: %s', async (entry, bindings, variable) => {
    const miniflare = new Miniflare({
      host: '127.0.0.1',
      cf: false,
      telemetry: { enabled: false },
      log: new Log(LogLevel.NONE),
      modules: [{ type: 'ESModule', path: 'worker.mjs', contents: await bundle(entry) }],
      compatibilityDate: '2026-01-01',
      bindings,
    })
    try {
      const response = await miniflare.dispatchFetch('http://x/files/a')
      expect(response.status).toBe(500)
      expect(response.headers.get('Content-Type')).toBe('application/problem+json')
      expect(await response.json()).toMatchObject({
        type: 'internal-error',
        detail: expect.stringContaining(variable),
      })
    } finally {
      await miniflare.dispose()
    }
  })
})

