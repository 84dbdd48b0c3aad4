import { readChunks } from '../bytes/chunks.ts'
import type { WriteBytes } from '../bytes/line-writer.ts'
import { SECURITY_FIELDS, toBodyChunks, toParts } from './answer.ts'

/** The media type of a pipeline: here responses of HTTP/1.1, one after the other (RFC 9112 §10.2). */
export const PIPELINE_TYPE = 'application/http'

/**
 * Writes an answer of `createAnswer` into a pipeline, without the fields that only a browser heeds. Rejects,
 * and cancels its body, when the body fails, `write` rejects or `signal` aborts.
 */
export async function writeMessage(answer: Response, write: WriteBytes, signal: AbortSignal): Promise<void> {
  const { status, fields = {}, body = null } = toParts(answer) ?? {}
  if (status === undefined || (body !== null && fields['Content-Length'] === undefined))
    throw new Error('a pipeline takes answers of a known length')
  let head = `HTTP/1.1 ${status} \r\n`
  for (const name in fields) if (!(name in SECURITY_FIELDS)) head += `${name}: ${fields[name]}\r\n`
  const chunks = toBodyChunks(body)
  const stop = () => void chunks.cancel().catch(() => {})
  signal.addEventListener('abort', stop, { once: true })
  try {
    await write(`${head}\r\n`)
    for await (const chunk of readChunks(chunks)) await write(chunk)
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}
