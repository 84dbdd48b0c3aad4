import { afterEach, describe, expect, it } from 'vitest'
import { createRemoteStorage } from '../../../functions/storage/remote/remote.ts'
import { createSend } from './http-client.ts'
import { type Served, serve } from './serve.ts'

const served: Served[] = []

afterEach(async () => {
  for (const server of served.splice(0)) {
    server.close()
    await server.close()
  }
})

async function start(fetch: (request: Request) => Response): Promise<string> {
  const server = await serve(fetch, { host: '127.0.0.1', port: 0 })
  served.push(server)
  return server.url
}

const createRemote = (url: string) => createRemoteStorage(url, { fetch: createSend({ connectMs: 200 }) })

describe('the HTTP client of a coordinator', () => {
  it.each([301, 302, 303, 307, 308])('follows no redirect: %i', async (status) => {
    let asked = 0
    const elsewhere = await start(() => {
      asked++
      return new Response('{"name":"f","absent":true}\n')
    })
    const url = await start(
      () => new Response(null, { status, headers: { Location: `${elsewhere}/describe` } }),
    )
    const remote = createRemote(url)
    await expect(remote.describe(['f'])[0]).rejects.toMatchObject({
      code: 'unreachable',
      reason: 'http_protocol_error',
    })
    await expect(remote.open('f')).rejects.toMatchObject({ code: 'unreachable' })
    expect(asked).toBe(0)
  })

  it('reports a refused connection when no server listens', async () => {
    const url = await start(() => new Response(''))
    await served.pop()?.close()
    await expect(createRemote(url).open('f')).rejects.toMatchObject({ reason: 'connection_refused' })
  })

  const LINES = ['a', 'b'].map((name) => `{"name":"${name}","absent":true}\n`)
  const toPieces = (lines: readonly string[]) => {
    const pieces = lines.map((line) => new TextEncoder().encode(line)).values()
    return new ReadableStream<Uint8Array>({
      pull(controller) {
        const { done, value } = pieces.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
    })
  }
  it.each([
    ['in one piece', LINES, null],
    ['in pieces', toPieces, null],
    ['with a name missing', LINES.slice(1), 'left a name unanswered'],
    ['in pieces, with a name missing', () => toPieces(LINES.slice(1)), 'left a name unanswered'],
    ['with a line that is not valid', ['{"name":"b","absent":true}\n', '{"name":5}\n'], 'not valid'],
    ['with a line that is not ended', [LINES[1] ?? '', (LINES[0] ?? '').trim()], 'left a name unanswered'],
    ['with a line that is too long', [LINES[1] ?? '', `${'x'.repeat(20_000)}\n`], 'more than 16,384'],
  ])('reads the lines of an answer %s', async (_, answer, wrong) => {
    const url = await start(() =>
      typeof answer === 'function' ? new Response(answer(LINES)) : new Response(answer.join('')),
    )
    const [a, b] = createRemote(url).describe(['a', 'b'])
    if (wrong === null) expect(await a).toBeNull()
    else await expect(a).rejects.toThrow(wrong)
    expect(await b).toBeNull()
  })

  it('rejects with the reason of the signal, before and after the answer began', async () => {
    const reason = new Error('enough')
    const send = createSend()
    const endless = () =>
      new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(9)) }))
    const url = await start(endless)
    const init = { headers: {}, redirect: 'manual', duplex: 'half' } as const
    await expect(send(url, { ...init, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const abort = new AbortController()
    const { body } = await send(url, { ...init, signal: abort.signal })
    if (body === null || body instanceof ReadableStream) throw new Error('it comes in chunks')
    await body.next()
    abort.abort(reason)
    const readOn = async () => {
      for (;;) await body.next()
    }
    await expect(readOn()).rejects.toBe(reason)
  })

  it('reads only a limited amount ahead of its reader', async () => {
    let made = 0
    const url = await start(
      () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              made += 2 ** 20
              controller.enqueue(new Uint8Array(2 ** 20))
            },
          }),
        ),
    )
    const { body } = await createSend()(url, { headers: {}, redirect: 'manual', duplex: 'half' })
    if (body === null || body instanceof ReadableStream) throw new Error('it comes in chunks')
    await body.next()
    for (let before = -1; before !== made; ) {
      before = made
      for (let i = 0; i < 100; i++) await new Promise(setImmediate)
    }
    expect(made).toBeLessThan(64 * 2 ** 20)
    await body.cancel()
  })
})
