import { Readable } from 'node:stream'
import { Agent, request } from 'undici'
import type { Send } from '../../functions/storage/remote.ts'
import { fromChunks } from '../../functions/storage/streams.ts'

/**
 * Sends requests on kept connections, at a fraction of what Node's own `fetch` costs. It sets no deadline: whoever
 * asks watches for silence. A redirect is an answer like any other.
 */
export function createSend(): Send {
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 })
  return async (url, { method = 'GET', headers, body, signal }) => {
    const sent = body instanceof ReadableStream ? Readable.from(body) : (body ?? null)
    const reply = await request(url, { dispatcher, method, headers, body: sent, signal: signal ?? null })
    return {
      status: reply.statusCode,
      headers: { get: (name) => toText(reply.headers[name.toLowerCase()]) },
      body: toWeb(reply.body),
    }
  }
}

function toText(value: string | string[] | undefined): string | null {
  return Array.isArray(value) ? value.join(', ') : (value ?? null)
}

function toWeb(body: Readable): ReadableStream<Uint8Array> {
  // Destroying a body that nobody iterates yet is an error that nobody else hears of.
  body.on('error', () => {})
  const chunks: AsyncIterator<Uint8Array> = body[Symbol.asyncIterator]()
  return fromChunks({ next: () => chunks.next() }, async () => void body.destroy())
}
