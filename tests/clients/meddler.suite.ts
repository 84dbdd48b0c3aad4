import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * What happens on the way of one client's requests: nothing; `change` is called when the client asks again
 * after it began to receive a content; the first content ends in its middle, as if it were whole; or each
 * content stands still in its middle.
 */
export type Meddling =
  | { readonly kind: 'pass' }
  | { readonly kind: 'change'; readonly change: () => void }
  | { readonly kind: 'cut' }
  | { readonly kind: 'stall' }

/** A proxy before a coordinator. The caller closes it. */
export interface Meddler {
  readonly url: string
  /** Meddles in this way from now on, as with a client that has received nothing. */
  begin(meddling: Meddling): void
  /** How many contents have been sent, whole or in part, since `begin`. */
  countContents(): number
  /** Calls `call` once, at the request of this number since `begin`. The next `begin` forgets it. */
  onRequest(number: number, call: () => void): void
  close(): Promise<void>
}

/** The bytes of a content that are sent before it is held back. */
const BEFORE_HOLD = 64 * 1024
/** Bytes: a shorter part is never held back, since a client may ask for the next when it has this one. */
const SHORTEST_HELD = 4 * 1024 * 1024

/** Starts the proxy on a free port; `target` is the address of the coordinator. */
export async function startMeddler(target: string): Promise<Meddler> {
  let meddling: Meddling = { kind: 'pass' }
  let contents = 0
  let requests = 0
  let onRequest = { number: 0, call: () => {} }
  let release = () => {}
  let asksAgain = new Promise<void>(() => {})
  /** Resolves when the GET before has an answer, so that of parts asked for at once one has begun. */
  let answered = Promise.resolve()

  function begin(next: Meddling): void {
    meddling = next
    contents = 0
    requests = 0
    onRequest = { number: 0, call: () => {} }
    asksAgain = new Promise((resolve) => {
      release = resolve
    })
  }

  async function answerInTurn(asked: IncomingMessage, response: ServerResponse): Promise<void> {
    if (asked.method !== 'GET') return await answer(asked, response, () => {})
    const before = answered
    const turn = Promise.withResolvers<void>()
    answered = turn.promise
    await before
    try {
      await answer(asked, response, turn.resolve)
    } finally {
      turn.resolve()
    }
  }

  async function answer(asked: IncomingMessage, response: ServerResponse, begun: () => void): Promise<void> {
    if (asked.method === 'GET' && contents > 0 && meddling.kind === 'change') {
      meddling.change()
      meddling = { kind: 'pass' }
      release()
    }
    const outgoing = request(target + asked.url, { method: asked.method, headers: asked.headers }).end()
    response.once('close', () => outgoing.destroy())
    const [incoming]: IncomingMessage[] = await once(outgoing, 'response')
    if (incoming === undefined) return
    response.writeHead(incoming.statusCode ?? 502, incoming.headers)
    const isContent = asked.method === 'GET' && [200, 206].includes(incoming.statusCode ?? 0)
    if (isContent) contents++
    begun()
    if (!isContent) return void incoming.pipe(response)
    const way = contents > 1 && meddling.kind !== 'stall' ? { kind: 'pass' as const } : meddling
    await send(incoming, response, way)
  }

  async function send(incoming: IncomingMessage, response: ServerResponse, way: Meddling): Promise<void> {
    const length = Number(incoming.headers['content-length'])
    const half = Math.floor(length / 2)
    const beforeHold = length < SHORTEST_HELD ? Infinity : BEFORE_HOLD
    const most = { pass: Infinity, change: beforeHold, cut: half, stall: half }[way.kind]
    const closed = once(response, 'close')
    let sent = 0
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      const first = chunk.subarray(0, Math.max(most - sent, 0))
      sent += chunk.length
      if (!response.write(first))
        await Promise.race([new Promise((go) => response.once('drain', go)), closed])
      if (response.destroyed) return
      if (sent <= most) continue
      if (way.kind === 'cut') return void response.socket?.end()
      if (way.kind === 'stall') return
      if (way.kind === 'change') await Promise.race([asksAgain, closed])
      response.write(chunk.subarray(first.length))
    }
    response.end()
  }

  const server = createServer((asked, response) => {
    if (++requests === onRequest.number) onRequest.call()
    // A client that leaves is one of the cases.
    answerInTurn(asked, response).catch(() => response.destroy())
  })
  server.keepAliveTimeout = 60_000
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, // listening on TCP
    begin,
    countContents: () => contents,
    onRequest(number, call) {
      onRequest = { number, call }
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
