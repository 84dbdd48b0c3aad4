import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Answers instead of the store; false to let the store answer. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean

/** A server before another. */
export interface FaultyServer {
  readonly endpoint: string
  /** Null to pass everything on. */
  fault: Fault | null
  /** `METHOD path` of the requests, in their order. */
  readonly requests: string[]
  close(): Promise<void>
}

/** Hands everything on to the server at `endpoint`, byte for byte, except what a fault answers. */
export async function startFaulty(endpoint: string): Promise<FaultyServer> {
  const { hostname, port } = new URL(endpoint)
  const requests: string[] = []
  const server = createServer((incoming, response) => {
    requests.push(`${incoming.method} ${incoming.url}`)
    if (faulty.fault?.(incoming, response)) return void incoming.resume()
    const { method, url: path, headers } = incoming
    const onward = request({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    incoming.pipe(onward)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A server that listens on a port has an address of this kind.
  const { port: own } = server.address() as AddressInfo
  const faulty: FaultyServer = {
    endpoint: `http://127.0.0.1:${own}`,
    fault: null,
    requests,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return faulty
}

/** An error in the format of S3; only its status in answer to HEAD. */
export function answerError(
  request: IncomingMessage,
  response: ServerResponse,
  { status, code, more = '', headers = {} }: ErrorAnswer,
): true {
  response.writeHead(status, { 'Content-Type': 'application/xml', 'x-amz-request-id': '1', ...headers })
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>m</Message>${more}</Error>`
  response.end(request.method === 'HEAD' ? '' : xml)
  return true
}

export interface ErrorAnswer {
  readonly status: number
  readonly code: string
  /** Further elements. */
  readonly more?: string
  readonly headers?: Readonly<Record<string, string>>
}
