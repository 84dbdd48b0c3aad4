import { afterEach, describe, expect, it } from 'vitest'
import { createRemoteStorage } from '../../functions/storage/remote.ts'
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

describe('what a coordinator asks by', () => {
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

  it('says that the connection was refused where nobody listens', async () => {
    const url = await start(() => new Response(''))
    await served.pop()?.close()
    await expect(createRemote(url).open('f')).rejects.toMatchObject({ reason: 'connection_refused' })
  })

  it('ends with the reason of the signal, before and after the answer has begun', async () => {
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

  it('does not read ahead of its reader without end', async () => {
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
