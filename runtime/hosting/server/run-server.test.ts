import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { truncateSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import {
  finish,
  type ServerProcess,
  startServer as startServerProcess,
  startVouch,
} from '../../cli/process.suite.ts'
import { createStageWith, hash } from '../../cli/stage.suite.ts'

/** A process of the command; the test that runs ends it. */
function start(args: readonly string[], cwd: string): ChildProcess {
  const child = startVouch(args, cwd)
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

/** A server of the command, listening; the test that runs ends it. */
async function startServer(args: readonly string[], cwd: string): Promise<ServerProcess> {
  const server = await startServerProcess(args, cwd)
  onTestFinished(() => server.stop())
  return server
}

/** A stage with the directories of the first exercise. */
function createTrees() {
  return createStageWith({
    ...{ 'server1_files/file1.txt': 'same', 'server1_files/file2.txt': 'one' },
    'server2_files/file1.txt': 'same',
  })
}

async function untilRefused(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  for (;;) {
    const socket = connect(Number(port), hostname)
    try {
      await once(socket, 'connect')
    } catch {
      return
    } finally {
      socket.destroy()
    }
  }
}

test('replica and coordinator print where they listen, and one line for each request', async () => {
  const { cwd } = createTrees()
  const replica = await startServer(['replica', './server2_files', '--id', 'server2'], cwd)
  expect(replica.banner).toBe(`replica server2 listens on ${replica.url}, serving ./server2_files`)
  const words = ['--replica', 'server1=./server1_files', '--replica', `server2=${replica.url}`]
  const coordinator = await startServer(['coordinator', ...words], cwd)
  expect(coordinator.banner).toBe(
    `coordinator listens on ${coordinator.url}, comparing server1=./server1_files, server2=${replica.url}/`,
  )
  expect(await (await fetch(`${coordinator.url}/files/file1.txt`)).text()).toBe('same')
  expect(await coordinator.readLine()).toMatch(
    /^\d{4}-\d\d-\d\dT[\d:.]+Z 127\.0\.0\.1 GET \/files\/file1\.txt 200 unanimous server1;state=match;evidence=\w+;age=\d+, server2;state=match;evidence=\w+;age=\d+ \d+ ms$/,
  )
  // The coordinator asks once at its start where the files of the replica are.
  expect(await replica.readLine()).toMatch(/Z 127\.0\.0\.1 GET \/readyz 200 \d+ ms$/)
  expect(await replica.readLine()).toMatch(/Z 127\.0\.0\.1 POST \/describe 200 \d+ ms$/)
  expect((await fetch(`${coordinator.url}/files/nothing%0Aat%1Ball`)).status).toBe(404)
  expect(await coordinator.readLine()).toMatch(
    /Z 127\.0\.0\.1 GET \/files\/nothing%0Aat%1Ball 404 absent server1;state=missing, server2;state=missing \d+ ms$/,
  )
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  'on %s a server finishes the download under way and exits 0',
  async (signal) => {
    const { cwd } = createTrees()
    // More than the buffers of a connection hold, so that it is not all sent when the signal comes.
    const size = 64 * 1024 * 1024
    truncateSync(join(cwd, 'server1_files/file1.txt'), size)
    const { child, url } = await startServer(['replica', 'server1_files'], cwd)
    const [response]: IncomingMessage[] = await once(get(`${url}/files/file1.txt`), 'response')
    if (response === undefined) throw new Error('a response comes with its event')
    const exit = once(child, 'exit')
    child.kill(signal)
    await untilRefused(url)
    expect(child.exitCode).toBeNull()
    const sha = createHash('sha256')
    for await (const chunk of response) sha.update(chunk)
    const whole = Buffer.alloc(size)
    whole.write('same')
    expect(sha.digest('hex')).toBe(hash(whole))
    expect(await exit).toEqual([0, null])
  },
)

test('a second signal ends a server immediately', async () => {
  const { cwd } = createTrees()
  truncateSync(join(cwd, 'server1_files/file1.txt'), 64 * 1024 * 1024)
  const { child, url } = await startServer(['replica', 'server1_files'], cwd)
  const request = get(`${url}/files/file1.txt`)
  const [response]: IncomingMessage[] = await once(request, 'response')
  response?.on('error', () => {})
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  await untilRefused(url)
  child.kill('SIGTERM')
  expect(await exit).toEqual([null, 'SIGTERM'])
})

test('a copy that breaks off while it is sent is reported in one line', async () => {
  const { cwd } = createTrees()
  const path = join(cwd, 'server1_files/file1.txt')
  truncateSync(path, 64 * 1024 * 1024)
  const { child, url } = await startServer(['replica', 'server1_files'], cwd)
  const stderr = text(child.stderr ?? Readable.from([]))
  const [response]: IncomingMessage[] = await once(get(`${url}/files/file1.txt`), 'response')
  truncateSync(path, 5)
  await expect(text(response ?? Readable.from([]))).rejects.toThrow()
  child.kill('SIGTERM')
  expect(await stderr).toMatch(/Z GET \/files\/file1\.txt broke off: .*$/m)
})

test('a port in use is reported in one line, with exit status 2', async () => {
  const { cwd } = createTrees()
  const { url } = await startServer(['replica', 'server1_files'], cwd)
  const { port } = new URL(url)
  for (const args of [
    ['replica', '.'],
    ['coordinator', '--single', '--replica', 'a=.'],
  ]) {
    const { status, said } = await finish(start([...args, '--port', port], cwd))
    expect(status).toBe(2)
    expect(said).toEqual([
      '',
      `vouch: cannot listen on 127.0.0.1:${port}: the port is in use; --port names another, or 0 for any free one\n`,
    ])
  }
})

test.each([
  [['replica'], 'replica takes DIR, the directory to serve, got none'],
  [['replica', 'nowhere'], 'nowhere'],
  [['replica', 'server1_files/file1.txt'], 'file1.txt'],
  [['replica', '.', 'two'], "takes one DIR, got also 'two'"],
  [['replica', '.', '--port', 'abc'], "--port takes a port number from 0 to 65535, got 'abc'"],
  [['replica', '.', '--port'], '--port needs PORT behind it, got nothing'],
  [
    ['replica', '.', '--host', '192.0.2.1', '--port', '0', '--open'],
    'cannot listen on 192.0.2.1:0: this machine has no such address',
  ],
  [['replica', '.', '--id', '../x'], "got '../x'"],
  [['replica', '.', '--require', 'all'], "replica has no option '--require'; see 'vouch replica --help'"],
  [['coordinator'], '--replica takes ID=TARGET at least once, got none'],
  [['coordinator', './server1_files'], "got './server1_files'"],
  [['coordinator', '--single', '--replica', 'a=nowhere'], 'nowhere'],
  [['coordinator', '--replica', 'a=r2://bucket'], 'TARGET is a path, a file:/// URL, an http or https URL'],
  [
    ['coordinator', '--single', '--replica', 'a=.', '--require', '2'],
    '--require takes all, majority or a number from 1 to 1',
  ],
])('vouch %j is refused in one line before it listens', async (args, line) => {
  const { status, said } = await finish(start(args, createTrees().cwd))
  expect(status).toBe(2)
  expect(said[0]).toBe('')
  expect(said[1]).toMatch(/^vouch: .*\n$/)
  expect(said[1]).toContain(line)
})

test('three processes give the outcomes of the first exercise: exit status 0, 1, 0, 2', async () => {
  const { cwd } = createTrees()
  writeFileSync(join(cwd, 'server2_files/file2.txt'), 'two')
  writeFileSync(join(cwd, 'server1_files/file3.txt'), 'only here')
  const replica = await startServer(['replica', 'server2_files'], cwd)
  const words = ['--replica', 'server1=server1_files', '--replica', `server2=${replica.url}`]
  const { url } = await startServer(['coordinator', ...words], cwd)
  const statuses = []
  for (const name of ['file1.txt', 'file2.txt', 'file3.txt', 'file4.txt']) {
    statuses.push((await finish(start(['get', name, '--coordinator', url], cwd))).status)
  }
  expect(statuses).toEqual([0, 1, 0, 2])
})

test('output without a reader crashes neither a server nor the command', async () => {
  const { cwd } = createTrees()
  const { child, url } = await startServer(['replica', 'server1_files'], cwd)
  child.stdout?.destroy()
  for (let i = 0; i < 3; i++) expect((await fetch(`${url}/files/file1.txt`)).status).toBe(200)
  const help = start(['--help'], cwd)
  help.stdout?.destroy()
  const stderr = text(help.stderr ?? Readable.from([]))
  const [status] = await once(help, 'exit')
  expect([0, 141]).toContain(status)
  expect(await stderr).toBe('')
})
