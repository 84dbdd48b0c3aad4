import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { UserError } from '../../node/user-error.ts'
import { openServerLog, type ServerLog } from './server-log.ts'

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)

async function readJson(write: (log: ServerLog) => void): Promise<unknown[]> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const log = openServerLog({ log: 'json' }, { stdout, stderr, stdin: new PassThrough(), cwd: '/', env: {} })
  write(log)
  await log.settle()
  expect(stderr.read()).toBeNull()
  return String(stdout.read())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

test('a JSON line has the level as a number, the time, and the message as msg', async () => {
  const entries = await readJson((log) => {
    log.listening('replica r on http://127.0.0.1:1', 'http://127.0.0.1:1')
    log.notice('the tokens were read')
    log.notice('warning: the certificate expires soon')
    log.failed(new UserError("--port takes a number, got 'x'"))
  })
  expect(entries).toEqual([
    { level: 30, time: TIME, url: 'http://127.0.0.1:1', msg: 'replica r on http://127.0.0.1:1' },
    { level: 30, time: TIME, msg: 'the tokens were read' },
    { level: 40, time: TIME, msg: 'the certificate expires soon' },
    { level: 60, time: TIME, msg: "--port takes a number, got 'x'" },
  ])
})

test('the line of a failed request has the error with its stack and its causes, for any thrown value', async () => {
  const circular: { self?: unknown } = {}
  circular.self = circular
  const request = { method: 'GET', path: '/files/f', status: 500, ms: 1.6 }
  const entries = await readJson((log) => {
    log.request({ ...request, error: new TypeError('no disk', { cause: new Error('unplugged') }) })
    log.request({ ...request, error: circular })
  })
  const entry = { level: 50, time: TIME, method: 'GET', path: '/files/f', status: 500, ms: 2, msg: 'failed' }
  const stack = expect.stringMatching(/TypeError: no disk\n {4}at .*cause.*unplugged/s)
  expect(entries).toEqual([
    { ...entry, err: { type: 'TypeError', message: 'no disk', stack } },
    {
      ...entry,
      err: { type: 'object', message: '[object Object]', stack: expect.stringContaining('Circular') },
    },
  ])
})
