import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createMemoryStorage } from '../../functions/storage/memory.ts'
import { adviseOnProblem, adviseOnReason } from './advice.ts'
import { createStage, sendProblem, startCoordinator, startScript } from './stage.suite.ts'

test('what there is no advice for is said as it is', () => {
  expect(adviseOnReason('no', 'http_protocol_error')).toBe('no')
  expect(adviseOnProblem('no', 'conflict')).toBe('no')
  expect(adviseOnProblem('no', 'constructor')).toBe('no')
})

test.each([
  [['get', 'f', '-o', 'nowhere/f'], '-o names another place'],
  [['get', 'f', '-o', 'there'], 'it is a directory; -o names a file in it'],
  [['get', 'f', '--replica', 'a=nowhere'], 'a replica is a directory that is there and may be read'],
  [['get', 'f', '--replica', 'a=file'], 'a replica is a directory that is there and may be read'],
  [['get', 'f', '--replica', 'a=.', '--coordinator', 'http://x'], 'exclude each other; leave one out'],
  [['get', 'f', '--replica', 'a=.', '--replica', 'a=there'], 'give each replica its own'],
  [['get', 'f', '-o', 'x', '-O'], 'leave one out'],
  [['get', 'f', '--token-file', 'nowhere'], "'openssl rand -hex 32' prints one to put there"],
  [['explain', 'f', '--single', '--replica', 'a=there'], "'vouch check --all' lists what there is"],
  [
    ['check', 'f', '--single', '--replica', 'a=there'],
    "names begin below each root, with no '/' or './' before them",
  ],
  [
    ['plan', 'f', '--single', '--replica', 'a=there'],
    "names begin below each root, with no '/' or './' before them",
  ],
  [['plan', '--keep', 'a', '--newest'], 'leave one, and say the rest with --for PREFIX=POLICY'],
  [['apply'], "'vouch plan > plan.json' makes one"],
  [['apply', 'nowhere'], "'vouch plan > nowhere' makes a plan"],
  [['restore', 'f', '--on', 'a', '--writable', '--replica', 'a=there'], "'vouch restore' lists what is kept"],
  [['coordinator'], '--replica here=. is this directory'],
  [['replica'], 'vouch replica . serves this one'],
  [['replica', '.', '--host', '192.0.2.1', '--port', '0', '--open'], '--host takes one of its own'],
])('the error of vouch %j says what to do next', async (args, advice) => {
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
  ['unauthorized', 401, 'show one of its tokens with --token-file or VOUCH_TOKEN'],
  ['overloaded', 503, 'run it again in a moment'],
  ['read-only', 403, 'a server takes writes when it was started with --writable'],
  ['too-few-answers', 503, 'run it again when they answer, or let --require ask for fewer'],
])('an answer that is %s says what to do next', async (type, status, advice) => {
  const url = await startScript((_request, response) => sendProblem(response, status, { type, detail: 'so' }))
  expect(await createStage().run(['get', 'f', '--coordinator', url])).toEqual({
    status: 2,
    stdout: '',
    stderr: `vouch: f: Trouble: so; ${advice}\n`,
  })
})

test('of a coordinator that speaks no TLS it is said what to do next', async () => {
  const url = await startScript((_request, response) => response.end())
  const { stderr } = await createStage().run(['get', 'f', '--coordinator', url.replace('http', 'https')])
  expect(stderr).toMatch(/: tls protocol error; if it serves no https, the address begins with http:\/\/\n$/)
})

test('a plan is JSON, whether or not that is asked for', async () => {
  const coordinator = await startCoordinator({ a: createMemoryStorage({ f: '' }), b: createMemoryStorage() })
  for (const args of [['plan'], ['plan', '--json']]) {
    const { status, stdout } = await createStage().run([...args, ...coordinator])
    expect([status, JSON.parse(stdout)]).toMatchObject([
      1,
      { vouch: 'plan', steps: [{ name: 'f', to: 'b' }] },
    ])
  }
})
