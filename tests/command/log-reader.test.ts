import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { beforeAll, describe, expect, it } from 'vitest'
import { finish, startServer, startVouch } from '../../runtime/cli/process.suite.ts'
import { createDirectory, writeFiles } from '../../runtime/cli/stage.suite.ts'
import { MAX_WAITING_LINES_LENGTH } from '../../runtime/hosting/limits.ts'
import { createLineWriter } from '../../runtime/hosting/server/server-log.ts'

const directory = createDirectory()

beforeAll(() => {
  writeFiles(directory, { 'files/f': 'f' })
})

/** A stream whose reader takes a chunk only when the test triggers it. */
function createStalled() {
  const taken: string[] = []
  let release: (() => void) | undefined
  const stream = new Writable({
    highWaterMark: 1,
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      taken.push(chunk)
      release = done
    },
  })
  return { stream, taken, take: () => release?.() }
}

describe('the writer of a log', () => {
  const LINE = `${'x'.repeat(1023)}\n`
  const HELD = MAX_WAITING_LINES_LENGTH / LINE.length

  it('buffers no more than its limit for a stalled reader, and reports how many lines it dropped', () => {
    const { stream, taken, take } = createStalled()
    const writer = createLineWriter(stream, (count) => `${count} dropped\n`)
    writer.write('first\n')
    writer.flush()
    for (let i = 0; i < 3 * HELD; i++) writer.write(LINE)
    expect(taken).toEqual(['first\n'])
    take()
    expect(taken.slice(1).join('')).toBe(`${LINE.repeat(HELD)}${2 * HELD} dropped\n`)
    writer.write('last\n')
    take()
    expect(taken.at(-1)).toBe('last\n')
  })

  it('does not wait for a stalled reader at its end', async () => {
    const { stream, taken } = createStalled()
    const writer = createLineWriter(stream, String)
    writer.write('first\n')
    await writer.settle(1)
    expect(taken).toEqual(['first\n'])
  })
})

it.each(['text', 'json'])('a server whose log has no reader ends at a signal (%s)', async (format) => {
  const server = await startServer(['replica', 'files', '--log', format], directory)
  server.child.stdout?.pause()
  // More than a pipe and the buffers of both sides hold.
  const path = `${'x'.repeat(7000)}?`
  for (let i = 0; i < 50; i++) {
    await Promise.all(Array.from({ length: 8 }, () => fetch(`${server.url}/${path}${i}`)))
  }
  const ended = once(server.child, 'exit')
  server.child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
})

describe.each(['text', 'json'])('SIGHUP (%s)', (format) => {
  it('makes a server read its tokens again, report that, and continue', async () => {
    const tokens = join(directory, `${format}.tokens`)
    const [before, after] = ['before-before-before', 'after-after-after-after']
    writeFileSync(tokens, before)
    const args = ['replica', 'files', '--token-file', tokens, '--log', format]
    const server = await startServer(args, directory)
    let said = ''
    const stream = format === 'json' ? server.child.stdout : server.child.stderr
    stream?.on('data', (data) => {
      said += data
    })
    const ask = async (token: string) =>
      (await fetch(`${server.url}/files/f`, { headers: { Authorization: `Bearer ${token}` } })).status
    expect([await ask(before), await ask(after)]).toEqual([200, 401])
    writeFileSync(tokens, after)
    server.child.kill('SIGHUP')
    await expect.poll(() => said, { timeout: 30_000 }).toContain('SIGHUP: reloading tokens and certificates')
    expect([await ask(before), await ask(after)]).toEqual([401, 200])
    await server.stop()
  })
})

it('a server that fails to start logs the reason', async () => {
  const server = await startServer(['replica', 'files'], directory)
  const port = new URL(server.url).port
  const { status, said } = await finish(
    startVouch(['replica', 'files', '--log', 'json', '--port', port], directory),
  )
  const last = said[0]?.trimEnd().split('\n').at(-1) ?? ''
  expect([status, said[1]]).toEqual([2, ''])
  expect(JSON.parse(last)).toMatchObject({ level: 60, msg: expect.stringContaining('the port is in use') })
  await server.stop()
})

it('every line of a JSON log is JSON, from the start of the server to its end', async () => {
  const args = ['coordinator', '--replica', 'one=files', '--single', '--index', 'index', '--log', 'json']
  const server = await startServer(args, directory)
  const lines = [server.banner]
  const collect = async () => {
    for (let line = await server.readLine(); line !== undefined; line = await server.readLine())
      lines.push(line)
  }
  const collected = collect()
  let stderr = ''
  server.child.stderr?.on('data', (data) => {
    stderr += data
  })
  await (await fetch(`${server.url}/files/f`)).text()
  await (await fetch(`${server.url}/audit`)).text()
  server.child.kill('SIGTERM')
  await collected
  const entries = lines.map((line): Record<string, unknown> => JSON.parse(line))
  expect(stderr).toBe('')
  expect(entries[0]).toMatchObject({
    url: server.url,
    msg: expect.stringContaining('coordinator listens on'),
  })
  const read = entries.find(({ path }) => path === '/files/f')
  expect(read).toMatchObject({ client: '127.0.0.1', status: 200, agreement: 'unanimous' })
  expect(Number.isInteger(read?.['ms'])).toBe(true)
  expect(entries.find(({ msg }) => msg === 'audited')).toMatchObject({
    agreement: 'unanimous',
    names: 1,
    rotten: 0,
    isWhole: true,
    lost: [],
  })
  expect(entries.at(-1)?.['msg']).toContain('digests computed')
})
