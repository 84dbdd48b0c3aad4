import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createApp } from '../../../functions/http/app.ts'
import { type Served, serve } from './serve.ts'

let served: Served

beforeAll(async () => {
  const app = createApp({})
  app.get('/u', (c) => new Response(c.req.url))
  served = await serve((request) => app.fetch(request), { host: '127.0.0.1', port: 0 })
})

afterAll(async () => {
  served.close()
  await served.close()
})

/** The status and the end of the answer to a request of these lines, sent as they are. */
async function ask(lines: string): Promise<[status: number, body: string]> {
  const socket = connect(served.port, '127.0.0.1')
  socket.write(`${lines}\r\nConnection: close\r\n\r\n`, 'latin1')
  const answer = await text(socket)
  const [head = '', ...body] = answer.split('\r\n\r\n')
  return [Number(head.split(' ')[1]), body.join('')]
}

describe('a request is refused in a problem document', () => {
  it.each([
    ['without a Host field', 'GET /u HTTP/1.1', 'a request of HTTP/1.1 must have a Host field, got none'],
    [
      'without one, with an absolute target',
      'GET http://other/u HTTP/1.1',
      'must have a Host field, got none',
    ],
    [
      'with two Host fields',
      'GET /u HTTP/1.1\r\nHost: a\r\nHost: b',
      'a request must have one Host field, got 2',
    ],
    [
      'with the same one twice',
      'GET /u HTTP/1.1\r\nhost: a\r\nHOST: a',
      'a request must have one Host field, got 2',
    ],
    [
      'with two, of HTTP/1.0',
      'GET /u HTTP/1.0\r\nHost: a\r\nHost: a',
      'a request must have one Host field, got 2',
    ],
    [
      'with two, with an absolute target',
      'GET http://other/u HTTP/1.1\r\nHost: a\r\nHost: a',
      'one Host field',
    ],
    [
      'with an invalid one, with an absolute target',
      'GET http://other/u HTTP/1.1\r\nHost: a b',
      'not a valid host',
    ],
    ...['', 'a b', 'a/b', 'u@b', 'a?b', 'a#b', 'a\\b', 'a:b', '[::1', '\xe4', 'http://a'].map((host) => [
      `with the Host '${host}'`,
      `GET /u HTTP/1.1\r\nHost: ${host}`,
      'the value of the Host field is not a valid host',
    ]),
    ['with an impossible port', 'GET /u HTTP/1.1\r\nHost: a:99999', 'the Host field is not valid'],
    ...['ftp://other/u', 'http:///u', 'http://u:p@other/u', 'u', 'http://a b/u'].map((target) => [
      `for the target '${target}'`,
      `GET ${target} HTTP/1.1\r\nHost: a`,
      '',
    ]),
  ])('%s', async (_, lines = '', detail = '') => {
    const [status, body] = await ask(lines)
    expect([status, body]).toEqual([400, expect.stringContaining('"type":"malformed-request"')])
    expect(body).toContain(detail)
  })
})

describe('the host that a request is for', () => {
  it.each([
    ['is that of its Host field', 'GET /u HTTP/1.1\r\nHost: name.example:81', 'http://name.example:81/u'],
    ['may be an address', 'GET /u HTTP/1.1\r\nHost: [::1]:81', 'http://[::1]:81/u'],
    ['is that of an absolute target', 'GET http://other:99/u HTTP/1.1\r\nHost: a', 'http://other:99/u'],
    ['is that of one in capitals', 'GET HTTP://OTHER:99/u HTTP/1.1\r\nHost: a', 'http://other:99/u'],
    ["is the server's own for HTTP/1.0 without one", 'GET /u HTTP/1.0', 'http://127.0.0.1/u'],
  ])('%s', async (_, lines, url) => {
    const [status, body] = await ask(lines)
    expect([status, body]).toEqual([200, expect.stringContaining(url)])
  })
})
