import { readChunks, toChunks } from '../bytes/chunks.ts'
import type { WriteBytes } from '../bytes/line-writer.ts'
import { SECURITY_FIELDS, toParts } from './answer.ts'

/** The media type of a pipeline: here responses of HTTP/1.1, one after the other (RFC 9112 §10.2). */
export const PIPELINE_TYPE = 'application/http'

/**
 * Writes an answer of `createAnswer` into a pipeline, without the fields that only a browser heeds; undefined
 * when it is written and there is room for more. Throws or rejects, and cancels its body, when the body
 * fails, `write` rejects or `signal` aborts.
 */
export function writeMessage(
  answer: Response,
  write: WriteBytes,
  signal: AbortSignal,
): Promise<void> | undefined {
  const { status, fields = {}, body = null } = toParts(answer) ?? {}
  if (status === undefined || (body !== null && fields['Content-Length'] === undefined))
    throw new Error('a pipeline takes answers of a known length')
  let head = `HTTP/1.1 ${status} \r\n`
  for (const name in fields) if (!(name in SECURITY_FIELDS)) head += `${name}: ${fields[name]}\r\n`
  head += '\r\n'
  if (body instanceof ReadableStream) return writeStream(head, body, write, signal)
  return body === null || body.length === 0 ? write(head) : write(head, body)
}

async function writeStream(
  head: string,
  body: ReadableStream<Uint8Array>,
  write: WriteBytes,
  signal: AbortSignal,
): Promise<void> {
  const chunks = toChunks(body)
  const stop = () => void chunks.cancel().catch(() => {})
  signal.addEventListener('abort', stop, { once: true })
  try {
    await write(head)
    for await (const chunk of readChunks(chunks)) await write(chunk)
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}
