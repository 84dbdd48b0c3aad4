import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BREAKER_FAILURES } from '../../functions/wire/limits.ts'
import { type ServerProcess, startServer } from '../../runtime/cli/process.suite.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'
import { execute, hasProgram, parseSamples } from './operating.suite.ts'

// Requests of operators to real processes: metrics, health, readiness.

const canCheck = hasProgram('promtool', 'what Prometheus says of the metrics')
const LARGE = 300_000
const TOKEN = 'a-token-of-more-than-sixteen'
const headers = { Authorization: `Bearer ${TOKEN}` }

const { path: directory, remove } = createTemporaryDirectory('vouch-operating-')
let replica: ServerProcess
let coordinator: ServerProcess

beforeAll(async () => {
  const files = {
    near: { same: 'same', differ: 'near', lone: 'lone' },
    far: { same: 'same', differ: 'far!' },
  }
  for (const [id, contents] of Object.entries(files)) {
    mkdirSync(join(directory, id))
    for (const [name, content] of Object.entries(contents)) writeFileSync(join(directory, id, name), content)
    writeFileSync(join(directory, id, 'large'), 'a'.repeat(LARGE))
  }
  writeFileSync(join(directory, 'token'), TOKEN)
  const door = ['--token-file', 'token']
  replica = await startServer(['replica', 'far', '--id', 'far', '--index', 'index', ...door], directory)
  const words = ['--replica', 'near=near', '--replica', `far=${replica.url}`, '--replica-token-file', 'token']
  coordinator = await startServer(
    ['coordinator', ...words, '--require', 'majority', '--index', 'index', ...door],
    directory,
  )
})

afterAll(async () => {
  await coordinator.stop()
  await replica.stop()
  remove()
})

async function ask(path: string, init: RequestInit = {}, server = coordinator): Promise<Response> {
  const response = await fetch(server.url + path, { headers, ...init })
  await response.clone().bytes()
  return response
}

async function read(name: string, fields: Record<string, string> = {}): Promise<void> {
  await ask(`/files/${name}?require=1`, { headers: { ...headers, ...fields } })
}

async function scrape(server = coordinator): Promise<Map<string, number>> {
  return parseSamples(await (await ask('/metrics', {}, server)).text())
}

describe('a server and clients without a token', () => {
  it.each(['/metrics', '/readyz'])('refuses %s', async (path) => {
    for (const server of [coordinator, replica]) {
      expect((await ask(path, { headers: {} }, server)).status).toBe(401)
    }
  })

  it('reports that it is alive', async () => {
    for (const server of [coordinator, replica]) {
      const response = await ask('/healthz', { headers: {} }, server)
      expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }])
    }
  })
})

describe('the metrics of a coordinator', () => {
  it('count compared reads by agreement, their time, and the bytes of files', async () => {
    const before = await scrape()
    for (const name of ['same', 'differ', 'lone', 'lone', 'absent']) await read(name)
    await read('large')
    await read('large', { Range: 'bytes=0-99' })
    await ask('/files/large?require=1', { method: 'HEAD' })
    await ask('/files/differ?replica=near')
    const after = await scrape()
    const grown = (key: string) => (after.get(key) ?? Number.NaN) - (before.get(key) ?? Number.NaN)
    expect(before.get('vouch_reads_total{agreement="unknown"}')).toBe(0)
    expect(grown('vouch_reads_total{agreement="unanimous"}')).toBe(4)
    expect(grown('vouch_reads_total{agreement="conflict"}')).toBe(1)
    expect(grown('vouch_reads_total{agreement="incomplete"}')).toBe(2)
    expect(grown('vouch_reads_total{agreement="absent"}')).toBe(1)
    expect(grown('vouch_reads_total{agreement="degraded"}')).toBe(0)
    expect(grown('vouch_read_seconds_count')).toBe(8)
    expect(grown('vouch_read_bytes_total')).toBe(4 + 2 * 4 + LARGE + 100 + 4)
    expect(after.get('vouch_requests_total{code="409"}')).toBe(1)
    expect(after.get('vouch_requests_total{code="404"}')).toBe(1)
    expect(after.get('vouch_requests_total{code="206"}')).toBe(1)
    // The uncompared copy is requested from one replica only.
    expect(grown('vouch_replica_request_seconds_count{replica="near"}')).toBe(9)
    expect(grown('vouch_replica_request_seconds_count{replica="far"}')).toBe(8)
  })

  it('distinguish digests from the index from computed ones', async () => {
    const before = await scrape()
    writeFileSync(join(directory, 'near/new'), 'new')
    await read('new')
    const after = await scrape()
    const key = 'vouch_index_misses_total{replica="near"}'
    expect((after.get(key) ?? 0) - (before.get(key) ?? 0)).toBeGreaterThan(0)
    expect(after.has('vouch_index_hits_total{replica="near"}')).toBe(true)
    expect((await scrape(replica)).has('vouch_index_hits_total{replica="far"}')).toBe(true)
    expect(after.get('vouch_index_available{replica="near"}')).toBe(1)
    expect((await scrape(replica)).get('vouch_index_available{replica="far"}')).toBe(1)
    rmSync(join(directory, 'near/new'))
  })

  it('report the result of the last audit of all names, and nothing before the first', async () => {
    const before = await scrape()
    expect([...before.keys()].filter((key) => key.startsWith('vouch_last_audit'))).toEqual([])
    await ask('/audit?prefix=same')
    const partly = await scrape()
    expect(partly.get('vouch_audits_total{result="unanimous"}')).toBe(1)
    expect([...partly.keys()].filter((key) => key.startsWith('vouch_last_audit'))).toEqual([])
    const start = Date.now() / 1000
    await ask('/audit')
    const after = await scrape()
    expect(after.get('vouch_audits_total{result="conflict"}')).toBe(1)
    expect(after.get('vouch_last_audit_timestamp_seconds')).toBeGreaterThanOrEqual(start)
    expect(after.get('vouch_last_audit_timestamp_seconds')).toBeLessThanOrEqual(Date.now() / 1000)
    expect(after.get('vouch_last_audit_names')).toBe(4)
    expect(after.get('vouch_last_audit_differences{kind="conflict"}')).toBe(1)
    expect(after.get('vouch_last_audit_differences{kind="incomplete"}')).toBe(1)
    expect(after.get('vouch_last_audit_differences{kind="rotten"}')).toBe(0)
    await ask('/audit?prefix=same')
    expect((await scrape()).get('vouch_last_audit_names')).toBe(4)
  })

  it('contain no file name', async () => {
    await read('a-missing-name')
    const text = await (await ask('/metrics')).text()
    expect(text).not.toMatch(/a-missing-name|differ[^e]|lone/)
  })
})

describe('a server whose metrics are scraped', () => {
  it.skipIf(!canCheck)('passes promtool', async () => {
    for (const server of [coordinator, replica]) {
      const text = await (await ask('/metrics', {}, server)).text()
      expect(text).toMatch(/^process_cpu_seconds_total /m)
      expect(await execute('promtool', ['check', 'metrics'], text)).toEqual({ status: 0, said: '' })
    }
  })

  it('uses the format of Prometheus, forbids caching, and accepts GET and HEAD', async () => {
    for (const server of [coordinator, replica]) {
      const response = await ask('/metrics', {}, server)
      expect(response.headers.get('Content-Type')).toBe('text/plain; version=0.0.4; charset=utf-8')
      expect(response.headers.get('Cache-Control')).toBe('no-store')
      expect((await ask('/metrics', { method: 'HEAD' }, server)).status).toBe(200)
      expect((await ask('/metrics', { method: 'POST' }, server)).status).toBe(405)
    }
  })
})

describe('after a replica stopped', () => {
  it('a coordinator that requires it is not ready, but alive', async () => {
    expect((await ask('/readyz')).status).toBe(200)
    expect((await ask('/readyz', {}, replica)).status).toBe(200)
    await replica.stop()
    const response = await ask('/readyz')
    expect(response.status).toBe(503)
    expect(response.headers.get('Retry-After')).toBe('5')
    expect(await response.json()).toMatchObject({
      type: 'too-few-answers',
      detail: '1 of 2 replicas answered, but 2 must; far did not answer: the replica refused the connection',
    })
    expect((await ask('/healthz')).status).toBe(200)
  })

  it('the metrics of the coordinator count its errors by reason, and show that it is skipped', async () => {
    for (const name of ['same', 'same', 'same', 'absent']) await read(name)
    const samples = await scrape()
    expect(samples.get('vouch_reads_total{agreement="degraded"}')).toBe(3)
    expect(samples.get('vouch_reads_total{agreement="unknown"}')).toBe(1)
    expect(samples.get('vouch_replica_breaker_open{replica="far"}')).toBe(1)
    expect(samples.get('vouch_replica_breaker_open{replica="near"}')).toBe(0)
    const errors = [...samples].filter(([key]) => key.startsWith('vouch_replica_errors_total'))
    expect(errors.reduce((sum, [, count]) => sum + count, 0)).toBeGreaterThanOrEqual(BREAKER_FAILURES)
    const key = /^vouch_replica_errors_total\{replica="far",error="connection_(refused|terminated)"\}$/
    for (const [one] of errors) expect(one).toMatch(key)
    await ask('/audit')
    expect((await scrape()).get('vouch_last_audit_differences{kind="degraded"}')).toBe(4)
  })
})
