import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createReplica } from '../../functions/replica/replica.ts'
import { createMemoryStorage } from '../../functions/storage/memory.ts'
import { createNoise } from '../../functions/storage/suite/suite-tools.suite.ts'
import { type Served, serve } from '../node/http/serve.ts'
import { createHandler } from './handler.ts'
import { MAX_ANSWER_BYTES } from './limits.ts'

// These events were never sent by AWS: they have the shape of its documentation.

const TOKEN = 'a-token-that-is-hard-to-guess'
const LATIN = Uint8Array.of(0x67, 0x72, 0xfc, 0xdf, 0x65)
const LARGE = createNoise(MAX_ANSWER_BYTES + 1)
const servers: Served[] = []
let env: Record<string, string>

beforeAll(async () => {
  for (const other of ['one', 'two']) {
    const files = {
      'a b?c%20.txt': 'same',
      'latin.txt': LATIN,
      latin: LATIN,
      'large.bin': LARGE,
      'other.txt': other,
    }
    const app = createReplica(createMemoryStorage(files))
    servers.push(await serve((request) => app.fetch(request), { host: '127.0.0.1', port: 0 }))
  }
  env = {
    REPLICAS: servers.map(({ url }, i) => `server${i + 1}=${url}`).join(', '),
    VOUCH_ACCEPTED_TOKEN: TOKEN,
  }
})

afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()))
})

/** The event of payload format 2.0 that a function URL, or an API of API Gateway by its domain, makes. */
function toEvent(
  path: string,
  { method = 'GET', domain = 'x1.lambda-url.eu-central-1.on.aws', headers = {}, body = '' } = {},
) {
  const [rawPath = '', rawQueryString = ''] = path.split('?')
  return {
    ...{ version: '2.0', routeKey: '$default', rawPath, rawQueryString, isBase64Encoded: false },
    headers: { host: domain, authorization: `Bearer ${TOKEN}`, ...headers },
    requestContext: {
      ...{ accountId: '1', apiId: 'x1', domainName: domain, domainPrefix: 'x1', requestId: '1' },
      ...{ routeKey: '$default', stage: '$default', time: '', timeEpoch: 0 },
      http: { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: '' },
    },
    body: body === '' ? null : body,
  }
}

type Event = ReturnType<typeof toEvent>

/** The answer of the function, its body as bytes. */
async function ask(event: Event, more: Record<string, string> = {}) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough().resume(), new PassThrough().resume()]
  const handler = await createHandler({ stdin, stdout, stderr, env: { ...env, ...more } })
  // The types require members of the event and the context that nothing reads.
  const result = await handler(event as unknown as Parameters<typeof handler>[0])
  return toAnswer(result)
}

function toAnswer({ statusCode, headers, body, isBase64Encoded }: Awaited<ReturnType<Handler>>) {
  // As text, bytes that are not UTF-8 would change.
  expect(isBase64Encoded || body === '').toBe(true)
  return { status: statusCode, headers: new Headers(headers), bytes: Buffer.from(body, 'base64') }
}

type Handler = Awaited<ReturnType<typeof createHandler>>

describe('a function of AWS Lambda', () => {
  it('answers a compared read of any name', async () => {
    const { status, headers, bytes } = await ask(toEvent('/files/a%20b%3Fc%2520.txt'))
    expect([status, bytes.toString()]).toEqual([200, 'same'])
    expect(headers.get('Replica-Agreement')).toBe('unanimous;answered=2;of=2')
  })

  it.each(['latin.txt', 'latin'])('returns the bytes of %s, which are not UTF-8, unchanged', async (name) => {
    const { headers, bytes } = await ask(toEvent(`/files/${name}`))
    expect(bytes).toEqual(Buffer.from(LATIN))
    const digest = createHash('sha256').update(bytes).digest('base64')
    expect(headers.get('Repr-Digest')).toBe(`sha-256=:${digest}:`)
  })

  it('answers HEAD, a range, a condition, a conflict and an absent file like other coordinators', async () => {
    const head = await ask(toEvent('/files/latin.txt', { method: 'HEAD' }))
    expect([head.status, head.headers.get('Content-Length'), head.bytes.length]).toEqual([200, '5', 0])
    const part = await ask(toEvent('/files/latin.txt', { headers: { range: 'bytes=1-2' } }))
    expect([part.status, part.bytes.length, part.headers.get('Content-Range')]).toEqual([
      206,
      2,
      'bytes 1-2/5',
    ])
    const etag = head.headers.get('ETag') ?? ''
    expect((await ask(toEvent('/files/latin.txt', { headers: { 'if-none-match': etag } }))).status).toBe(304)
    expect((await ask(toEvent('/files/other.txt'))).status).toBe(409)
    expect((await ask(toEvent('/files/none.txt'))).status).toBe(404)
    expect((await ask(toEvent('/files/latin.txt?replica=server2'))).status).toBe(200)
  })

  it('compares trees, and rejects writes', async () => {
    const { bytes } = await ask(toEvent('/audit'))
    expect(bytes.toString()).toContain('"name":"other.txt"')
    expect(bytes.toString()).toContain('"summary"')
    const headers = { 'content-type': 'application/json' }
    expect((await ask(toEvent('/apply', { method: 'POST', headers, body: '{}' }))).status).toBe(403)
  })

  it('answers no client without the token', async () => {
    const event = toEvent('/files/latin.txt', { headers: { authorization: 'Bearer another-one-than-that' } })
    expect((await ask(event)).status).toBe(401)
  })

  it('refuses a file too large for Lambda, and returns it in ranges', async () => {
    const { status, bytes } = await ask(toEvent('/files/large.bin'))
    expect([status, JSON.parse(bytes.toString()).type]).toEqual([502, 'unreadable'])
    const headers = { range: `bytes=1-${MAX_ANSWER_BYTES}` }
    const part = await ask(toEvent('/files/large.bin', { headers }))
    expect(part.bytes.equals(LARGE.subarray(1))).toBe(true)
  })

  it('accepts requests only by its function URL, since API Gateway changes names', async () => {
    const { status } = await ask(
      toEvent('/files/latin.txt', { domain: 'x1.execute-api.eu-central-1.amazonaws.com' }),
    )
    expect(status).toBe(400)
  })

  it.each([
    ['names no replica', { REPLICAS: '' }, /at least once/],
    ['names a directory', { REPLICAS: 'a=./files,b=https://x.example' }, /a function has none/],
    ['names one replica alone', { REPLICAS: 'a=https://x.example' }, /compares with nothing/],
    ['names an address that is not valid', { REPLICAS: 'a=ftp://x' }, /REPLICAS takes ID=TARGET/],
    ['has a token that is not valid', { VOUCH_ACCEPTED_TOKEN: 'short' }, /VOUCH_ACCEPTED_TOKEN/],
  ])('does not start when its environment %s', async (_, more, message) => {
    await expect(ask(toEvent('/'), more)).rejects.toThrow(message)
  })

  it('does not start when anyone could ask it, unless OPEN allows it', async () => {
    const { VOUCH_ACCEPTED_TOKEN: _, ...open } = env
    env = open
    await expect(ask(toEvent('/files/latin.txt'))).rejects.toThrow(/anyone could ask/)
    expect((await ask(toEvent('/files/latin.txt'), { OPEN: 'true' })).status).toBe(200)
    env = { ...open, VOUCH_ACCEPTED_TOKEN: TOKEN }
  })

  it('is a single JavaScript file', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'vouch-lambda-'))
    try {
      const outfile = join(scratch, 'index.mjs')
      await build({
        entryPoints: [fileURLToPath(new URL('coordinator.ts', import.meta.url))],
        ...{ outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'warning' },
        banner: {
          js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
        },
      })
      const script = `const { handler } = await import(${JSON.stringify(outfile)})
        const { statusCode, body } = await handler(${JSON.stringify(toEvent('/files/latin.txt'))})
        process.stderr.write(statusCode + ' ' + body)
        process.exit()`
      const { stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
        env: { ...process.env, ...env },
      })
      expect(stderr).toContain(`200 ${Buffer.from(LATIN).toString('base64')}`)
    } finally {
      rmSync(scratch, { recursive: true })
    }
  })
})
