import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Chunks } from '../../../functions/bytes/chunks.ts'
import { toNetworkError } from '../../../functions/storage/remote/network-errors.ts'
import { createRemoteStorage, type SendInit } from '../../../functions/storage/remote/remote.ts'
import { createSend } from './http-client.ts'
import { type Served, serve } from './serve.ts'

const served: Served[] = []
const bare: { server: Server; sockets: Set<Socket> }[] = []

afterEach(async () => {
  vi.useRealTimers()
  for (const { server, sockets } of bare.splice(0)) {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
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

/** Starts a server that reads nothing of a request, and calls `answer` with each connection. */
async function startBare(answer: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    answer(socket)
  })
  bare.push({ server, sockets })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const INIT = { headers: {}, redirect: 'manual', duplex: 'half' } as const

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
    await expect(send(url, { ...INIT, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const abort = new AbortController()
    const { body } = await send(url, { ...INIT, signal: abort.signal })
    if (body === null || body instanceof ReadableStream) throw new Error('it comes in chunks')
    await body.next()
    abort.abort(reason)
    const readOn = async () => {
      for (;;) await body.next()
    }
    await expect(readOn()).rejects.toBe(reason)
  })

  const HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'
  it.each([
    ['sends no response', '', 'http_response_timeout'],
    ['sends a part of the header', HEAD.slice(0, 30), 'http_response_timeout'],
    ['stops sending', `${HEAD}12`, 'connection_read_timeout'],
  ])('fails when the server %s', async (_, sent, reason) => {
    const host = await startBare((socket) => socket.write(sent))
    const read = async () => {
      const { body } = await createSend({ silenceMs: 20 })(`http://${host}`, INIT)
      if (body === null || body instanceof ReadableStream) throw new Error('it comes in chunks')
      while (!(await body.next()).done);
    }
    await expect(read().catch((error) => toNetworkError(error).reason)).resolves.toBe(reason)
  })

  it('fails when the server reads nothing of a body', async () => {
    const host = await startBare((socket) => socket.pause())
    const init = { ...INIT, method: 'POST', body: 'x'.repeat(64 * 2 ** 20) } as const
    const sent = createSend({ silenceMs: 50 })(`http://${host}`, init)
    await expect(sent.catch((error) => toNetworkError(error).reason)).resolves.toBe('http_response_timeout')
  })

  it('waits for a reader that is slower than the silence it allows', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const content = new Uint8Array(8 * 2 ** 20)
    const url = await start(() => new Response(content))
    const { body } = await createSend({ silenceMs: 1000 })(url, INIT)
    if (body === null || body instanceof ReadableStream) throw new Error('it comes in chunks')
    let size = 0
    for (let next = await body.next(); !next.done; next = await body.next()) {
      size += next.value.length
      vi.advanceTimersByTime(900)
      await new Promise(setImmediate)
    }
    expect(size).toBe(content.length)
  })

  it('fails when a connection takes too long, of which TLS is a part', async () => {
    const host = await startBare(() => {})
    const sent = createSend({ connectMs: 20 })(`https://${host}`, INIT)
    await expect(sent.catch((error) => toNetworkError(error).reason)).resolves.toBe('connection_timeout')
  })

  it('joins fields of one name, so that two values are not taken for one', async () => {
    const fields = 'ETag: "a"\r\nContent-Length: 0\r\nETag: "b"'
    const host = await startBare((socket) => socket.write(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`))
    const { headers } = await createSend()(`http://${host}`, INIT)
    expect(headers.get('ETag')).toBe('"a", "b"')
  })

  it.each([
    ['answers before it has the whole body', 'HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n', 409],
    ['closes the connection', null, 'connection_terminated'],
  ])('cancels a body that it sends when the server %s', async (_, answer, outcome) => {
    const host = await startBare((socket) => (answer === null ? socket.end().resume() : socket.write(answer)))
    const { promise: cancelled, resolve } = Promise.withResolvers<void>()
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(2 ** 16)),
      cancel: () => resolve(),
    })
    const sent = createSend()(`http://${host}`, { ...INIT, method: 'PUT', body })
    const outcomeOf = sent.then(
      ({ status }) => status,
      (error) => toNetworkError(error).reason,
    )
    expect(await outcomeOf).toBe(outcome)
    await cancelled
  })

  it('rejects with the error of a body that it sends', async () => {
    const host = await startBare((socket) => socket.resume())
    const error = new Error('the disk failed')
    const body = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(error) })
    await expect(createSend()(`http://${host}`, { ...INIT, method: 'PUT', body })).rejects.toBe(error)
  })

  describe('on a kept connection that the server closes', () => {
    const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

    /** Sends two requests, and resolves with what came of the second and with the number of connections. */
    async function sendTwo(init: Partial<SendInit>, answer: (socket: Socket, asked: number) => void) {
      let connections = 0
      const host = await startBare((socket) => {
        let asked = 0
        connections++
        socket.on('data', () => answer(socket, ++asked))
      })
      const send = createSend()
      const sendOne = async () => {
        const { status, body } = await send(`http://${host}`, { ...INIT, ...init })
        await (body as Chunks).next() // not a stream, as the other tests say
        return status
      }
      expect(await sendOne()).toBe(200)
      await new Promise(setImmediate)
      return [await sendOne().catch((error) => toNetworkError(error).reason), connections]
    }

    const closeSecond = (socket: Socket, asked: number) =>
      asked === 1 ? socket.write(ANSWER) : socket.destroy()
    const SAFE = { method: 'POST', body: '{}', isRepeatable: true } as const

    it.each([
      ['GET', {}],
      ['HEAD', { method: 'HEAD' }],
      ['POST that changes nothing', SAFE],
    ] as const)('sends a %s again, on another', async (_, init) => {
      expect(await sendTwo(init, closeSecond)).toEqual([200, 2])
    })

    it.each([
      ['POST', { method: 'POST', body: '{}' }],
      ['PUT', { method: 'PUT', body: '{}' }],
    ] as const)('sends no %s again, which may have had an effect', async (_, init) => {
      expect(await sendTwo(init, closeSecond)).toEqual(['connection_terminated', 1])
    })

    it('sends nothing again on a connection that was new, or after a part of the answer', async () => {
      const host = await startBare((socket) => socket.end())
      await expect(createSend()(`http://${host}`, INIT)).rejects.toMatchObject({ code: 'ECONNRESET' })
      const cut = (socket: Socket, asked: number) =>
        asked === 1 ? socket.write(ANSWER) : socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1')
      expect((await sendTwo({}, cut))[1]).toBe(1)
    })
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
    const { body } = await createSend()(url, INIT)
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
