import { once } from 'node:events'
import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import { expect, it, onTestFinished } from 'vitest'
import { parseJson } from '../../../functions/wire/json/parse.ts'
import { status as schema } from '../../../functions/wire/schemas/ledger.ts'
import { createStageWith, toReplicaFlags } from '../stage.suite.ts'

const FLAGS = toReplicaFlags('a', 'b')

/** Starts a coordinator in this process, with its output; `stop` ends it as SIGTERM does. */
async function start(stage: ReturnType<typeof createStageWith>, args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const abort = new AbortController()
  const all = ['coordinator', '--port', '0', '--index', 'index', ...FLAGS, ...args]
  const ended = stage.run(all, { stdout, stderr, signal: abort.signal })
  const stop = async () => {
    abort.abort()
    return (await ended).status
  }
  onTestFinished(async () => void (await stop()))
  const [banner] = await once(createInterface(stdout), 'line')
  const url = /http:\/\/\S+(?=,)/.exec(String(banner))?.[0]
  const readVerification = async () => {
    const read = parseJson(schema, await (await fetch(`${url}/status`)).text())
    return read.success ? read.output.verification : null
  }
  return { url, stop, readVerification, notices: createInterface(stderr) }
}

it('a coordinator with --verify reads everything, and says when', async () => {
  const stage = createStageWith({ 'a/f': 'text', 'b/f': 'text', 'a/g': 'x', 'b/g': 'y' })
  const { url, notices, readVerification, stop } = await start(stage, ['--verify', '30d'])
  for await (const line of notices) if (line.includes('verification: every byte was read since')) break
  expect(await readVerification()).toMatchObject({ after: '', ended: expect.any(String) })
  const metrics = await (await fetch(`${url}/metrics`)).text()
  // What the digest index is filled with meanwhile counts as read, too.
  expect(metrics).toMatch(/^vouch_verification_read_bytes_total\{replica="a"\} \d$/m)
  expect(metrics).toContain('vouch_verification_done_ratio 1\n')
  const { stdout } = await stage.run(['status', '--coordinator', `${url}`])
  expect(stdout).toMatch(/^verified by .*: every byte was read since .*; the coordinator begins again at /m)
  expect(await stop()).toBe(0)
})

it('reads go on while a coordinator verifies, and it ends at once in the middle of a file', async () => {
  const stage = createStageWith({ 'a/f': 'text', 'b/f': 'text', 'a/big': '', 'b/big': '' })
  // At the least rate it takes a quarter of an hour.
  for (const tree of ['a', 'b']) truncateSync(join(stage.cwd, tree, 'big'), 64 * 2 ** 20)
  const { url, readVerification, stop } = await start(stage, ['--verify', '1d'])
  while ((await readVerification()) === null);
  const response = await fetch(`${url}/files/f`)
  expect([response.status, await response.text()]).toEqual([200, 'text'])
  expect(await readVerification()).toMatchObject({ after: '', ended: null })
  const { stdout } = await stage.run(['status', '--coordinator', `${url}`])
  expect(stdout).toMatch(/^verifying the first files, read since .*; the coordinator reads the rest by /m)
  expect(await stop()).toBe(0)
})

it('a coordinator refuses a period that is no duration in one line', async () => {
  const { status, stderr } = await createStageWith({ 'a/f': '', 'b/f': '' }).run([
    'coordinator',
    ...FLAGS,
    ...['--verify', 'monthly'],
  ])
  expect(status).toBe(2)
  expect(stderr).toBe(
    "vouch: --verify takes a duration above 0: seconds, or a number with s, m, h, d or w behind it, such as 2h, got 'monthly'\n",
  )
})
