import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createMemoryStorage } from '../../../functions/storage/memory.ts'
import { createStage, sendProblem, startCoordinator, startScript } from '../stage.suite.ts'
import { adviseOnProblem, adviseOnReason } from './coordinator-client.ts'

test('a message without advice is unchanged', () => {
  expect(adviseOnReason('no', 'http_protocol_error')).toBe('no')
  expect(adviseOnProblem('no', 'conflict')).toBe('no')
  expect(adviseOnProblem('no', 'constructor')).toBe('no')
})

test.each([
  [['get', 'f', '-o', 'file/f'], '-o names another place'],
  [['get', 'f', '-o', 'there'], 'it is a directory; -o names a file in it'],
  [['get', 'f', '--replica', 'a=nowhere'], 'a replica must be an existing directory that this user may read'],
  [['get', 'f', '--replica', 'a=file'], 'a replica must be an existing directory that this user may read'],
  [['get', 'f', '--replica', 'a=.', '--coordinator', 'http://x'], 'exclude each other; leave one out'],
  [['get', 'f', '--replica', 'a=.', '--replica', 'a=there'], 'each replica needs an id of its own'],
  [['get', 'f', '-o', 'x', '-O'], 'leave one out'],
  [
    ['get', 'f', '--token-file', 'nowhere'],
    "create one with 'openssl rand -hex 32', for the server and its clients",
  ],
  [['explain', 'f', '--single', '--replica', 'a=there'], "'vouch check --all' lists all names"],
  [
    ['check', 'f', '--single', '--replica', 'a=there'],
    "names are relative to each root, without '/' or './' in front",
  ],
  [
    ['plan', 'f', '--single', '--replica', 'a=there'],
    "names are relative to each root, without '/' or './' in front",
  ],
  [['plan', '--keep', 'a', '--newest'], 'set one, and others for a prefix with --for PREFIX=POLICY'],
  [['apply'], "'vouch plan > plan.json' makes one"],
  [['apply', 'nowhere'], "'vouch plan > nowhere' makes a plan"],
  [['restore', 'f', '--on', 'a', '--writable', '--replica', 'a=there'], "'vouch restore' lists what is kept"],
  [['coordinator'], 'nas=http://192.168.1.102:6002 is a replica server'],
  [['replica'], 'vouch replica . serves this one'],
  [['replica', '.', '--host', '192.0.2.1', '--port', '0', '--open'], '--host must name one of its addresses'],
])('the error of vouch %j names the next step', async (args, advice) => {
  const stage = createStage()
  writeFileSync(join(stage.cwd, 'file'), '')
  mkdirSync(join(stage.cwd, 'there'))
  const usual =
    args.some((arg) => arg === '--replica' || arg === '--coordinator') || /^(coord|repl)/.test(args[0] ?? '')
  const coordinator = usual ? [] : await startCoordinator({ a: createMemoryStorage({ f: '' }) })
  const { status, stderr } = await stage.run([...args, ...coordinator])
  expect(status).toBe(2)
  expect(stderr).toMatch(/^vouch: .*\n$/m)
  expect(stderr).toContain(advice)
})

test.each([
  ['unauthorized', 401, 'send one of its tokens with --token-file or VOUCH_TOKEN'],
  ['overloaded', 503, 'run it again in a moment'],
  ['read-only', 403, 'start the server with --writable to allow writes'],
  ['too-few-answers', 503, 'run it again when they answer, or lower --require'],
])('the message for the problem %s names the next step', async (type, status, advice) => {
  const url = await startScript((_request, response) => sendProblem(response, status, { type, detail: 'so' }))
  expect(await createStage().run(['get', 'f', '--coordinator', url])).toEqual({
    status: 2,
    stdout: '',
    stderr: `vouch: f: Trouble: so; ${advice}\n`,
  })
})

test('the error of a coordinator without TLS names the next step', async () => {
  const url = await startScript((_request, response) => response.end())
  const { stderr } = await createStage().run(['get', 'f', '--coordinator', url.replace('http', 'https')])
  expect(stderr).toMatch(
    /: tls protocol error; if it does not serve https, write http:\/\/ in its address\n$/,
  )
})

test('a plan is JSON with and without --json', async () => {
  const coordinator = await startCoordinator({ a: createMemoryStorage({ f: '' }), b: createMemoryStorage() })
  for (const args of [['plan'], ['plan', '--json']]) {
    const { status, stdout } = await createStage().run([...args, ...coordinator])
    expect([status, JSON.parse(stdout)]).toMatchObject([
      1,
      { vouch: 'plan', steps: [{ name: 'f', to: 'b' }] },
    ])
  }
})
