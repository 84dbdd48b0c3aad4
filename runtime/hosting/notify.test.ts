import { createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createMemoryStorage } from '../../functions/storage/memory.ts'
import { startServer } from '../cli/process.suite.ts'
import { createStageWith, startCoordinator, startScript, toReplicaFlags } from '../cli/stage.suite.ts'

const FLAGS = toReplicaFlags('a', 'b')
const FILES = { 'a/same': 'same', 'b/same': 'same' }

interface Received {
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A receiver that answers with these statuses in turn, the last for good, and records what it is sent. */
async function startReceiver(...statuses: number[]) {
  const received: Received[] = []
  const url = await startScript(async (request: IncomingMessage, response: ServerResponse, nth) => {
    let body = ''
    for await (const chunk of request) body += chunk
    received.push({ headers: request.headers, body })
    response.statusCode = statuses[nth - 1] ?? statuses.at(-1) ?? 204
    response.end()
  })
  return { url, received }
}

describe('--notify', () => {
  it('sends an outcome when it differs from the last, and not each time', async () => {
    const { url, received } = await startReceiver()
    const { cwd, run } = createStageWith(FILES)
    const check = () => run(['check', ...FLAGS, '--notify', `${url}/hook`])
    await check()
    await check()
    expect(received).toEqual([])
    writeFileSync(join(cwd, 'b/same'), 'changed')
    await check()
    await check()
    expect(received).toHaveLength(1)
    expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({
      type: 'vouch.outcome',
      timestamp: expect.stringMatching(/^\d{4}-.+Z$/),
      data: {
        ...{ agreement: 'conflict', names: 1, rotten: 0 },
        changes: { was: 'unanimous', new: 1, examples: ['same'], settled: 0 },
        replicas: [
          { id: 'a', state: 'ok' },
          { id: 'b', state: 'ok' },
        ],
      },
    })
    writeFileSync(join(cwd, 'b/same'), 'same')
    await check()
    expect(received).toHaveLength(2)
  })

  it('signs it as Standard Webhooks do, with the secret of a file or variable', async () => {
    const { url, received } = await startReceiver()
    const key = Buffer.from('0123456789abcdef0123456789abcdef')
    const secret = `whsec_${key.toString('base64')}`
    const { run, write } = createStageWith({ ...FILES, 'a/more': 'x', secret: `${secret}\n` })
    await run(['check', ...FLAGS, '--notify', url, '--notify-secret-file', 'secret'])
    write({ 'a/yet-more': 'x' })
    await run(['check', ...FLAGS], { env: { VOUCH_NOTIFY: url, VOUCH_NOTIFY_SECRET: secret } })
    expect(received).toHaveLength(2)
    for (const { headers, body } of received) {
      const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
      const signature = createHmac('sha256', key).update(signed).digest('base64')
      expect(headers['webhook-signature']).toBe(`v1,${signature}`)
    }
  })

  it('sends it again, with the same id, to a receiver that fails, and changes no exit status', async () => {
    const { url, received } = await startReceiver(500, 503, 204)
    const { status, stderr } = await createStageWith({ ...FILES, 'a/more': 'x' }).run([
      ...['check', ...FLAGS],
      ...['--notify', url],
    ])
    expect(status).toBe(1)
    expect(received).toHaveLength(3)
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(stderr).not.toContain('did not take')
  })

  it('reports a receiver that never takes it, without the path of its address', async () => {
    const { url } = await startReceiver(500)
    const { status, stderr } = await createStageWith({ ...FILES, 'a/more': 'x' }).run([
      ...['check', ...FLAGS],
      ...['--notify', `${url}/a-secret-path`],
    ])
    expect(status).toBe(1)
    expect(stderr).toContain(`warning: ${url} did not take the outcome: it answered 500\n`)
    expect(stderr).not.toContain('a-secret-path')
  })

  it('of a coordinator sends what the audits of its clients find', async () => {
    const { url, received } = await startReceiver()
    const { cwd } = createStageWith({ ...FILES, 'a/more': 'x' })
    const coordinator = await startServer(['coordinator', ...FLAGS, '--notify', url], cwd)
    onTestFinished(() => coordinator.stop())
    await (await fetch(`${coordinator.url}/audit`)).text()
    await expect.poll(() => received.length).toBe(1)
    await (await fetch(`${coordinator.url}/audit`)).text()
    writeFileSync(join(cwd, 'b/more'), 'x')
    await (await fetch(`${coordinator.url}/audit`)).text()
    await expect.poll(() => received.length).toBe(2)
    expect(received.map(({ body }) => JSON.parse(body).data.agreement)).toEqual(['incomplete', 'unanimous'])
  })

  it('of a settings file is used where replicas are compared, and left to a coordinator that is asked', async () => {
    const { url, received } = await startReceiver()
    const asked = await startCoordinator({ a: createMemoryStorage({ x: 'x' }), b: createMemoryStorage() })
    const { run } = createStageWith({
      ...{ ...FILES, 'a/more': 'x' },
      'own.toml': `[cluster.own]\nnotify = "${url}"\nreplicas = { a = "a", b = "b" }\n`,
      'theirs.toml': `[cluster.theirs]\nnotify = "${url}"\ncoordinator = "${asked[1]}"\n`,
    })
    expect((await run(['check', '--config', 'theirs.toml'])).status).toBe(1)
    expect(received).toEqual([])
    expect((await run(['check', '--config', 'own.toml', '--index', 'index'])).status).toBe(1)
    expect(received).toHaveLength(1)
  })

  it.each([
    [['--notify', 'ftp://x/'], "--notify takes an http or https URL, got 'ftp://x/'"],
    [
      ['--notify', 'http://localhost/', '--notify-secret-file', 'none'],
      "--notify-secret-file: 'none' cannot be read (ENOENT)",
    ],
    [
      ['--notify', 'http://localhost/', '--notify-secret-file', 'empty'],
      '--notify-secret-file: the first line must be the secret: a key, or base64 behind whsec_',
    ],
  ])('refuses %j in one line', async (args, message) => {
    const { cwd, run } = createStageWith({ ...FILES, empty: '\n' })
    const { status, stderr } = await run(['check', ...FLAGS, ...args])
    expect([status, stderr]).toEqual([2, `vouch: ${message.replace("'none'", `'${join(cwd, 'none')}'`)}\n`])
  })
})
