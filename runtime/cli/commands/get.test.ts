import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createMemoryStorage, type MemoryStorage } from '../../../functions/storage/memory.ts'
import type { Storage } from '../../../functions/storage/storage.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { toJsonLine } from '../../hosting/io.ts'
import { serve } from '../../node/http/serve.ts'
import {
  createStage,
  createStageWith,
  hash,
  sendProblem,
  startCoordinator,
  startScript,
  toFields,
  toReplicaFlags,
  type,
} from '../stage.suite.ts'

/** How a digest in a directory is known. */
const KNOWN = { evidence: expect.stringMatching(/^(read|remembered)$/), age: expect.any(Number) }

const SAME = { 'file1.txt': 'the same', 'dir/deep.tar.gz': 'below', 'no-extension': 'bare' }

function createPair(): { server1: MemoryStorage; server2: MemoryStorage } {
  return {
    server1: createMemoryStorage({ ...SAME, 'file2.txt': 'one | FILE_NOT_FOUND', 'file3.txt': 'only here' }),
    server2: createMemoryStorage({ ...SAME, 'file2.txt': 'two' }),
  }
}

const dead: Storage = {
  ...createMemoryStorage(),
  describe: (names) =>
    names.map(() =>
      Promise.reject(new StorageError('unreachable', 'gone', { reason: 'connection_refused' })),
    ),
}

test('a file that all copies agree on is written to client_received, and its holders are printed', async () => {
  const stage = createStage()
  const flags = await startCoordinator(createPair())
  expect(await stage.run(['get', 'file1.txt', ...flags])).toEqual({
    status: 0,
    stdout: '',
    stderr: 'file1.txt: unanimous: server1, server2\nwrote client_received.txt (8 B)\n',
  })
  expect(stage.read('client_received.txt')).toBe('the same')
  expect(stage.files()).toEqual(['client_received.txt'])
})

test('a conflict writes each version, named for its first holder, and exits 1', async () => {
  const stage = createStage()
  const { server1, server2 } = createPair()
  const flags = await startCoordinator({ server1, server2, nas: server2, old: createMemoryStorage() })
  const { status, stderr } = await stage.run(['get', 'file2.txt', ...flags])
  expect(status).toBe(1)
  expect(stderr).toBe(
    'file2.txt: conflict: server1 ≠ server2 = nas\n' +
      'warning: file2.txt: missing on old\n' +
      'wrote server1_version.txt (20 B), held by server1\n' +
      'wrote server2_version.txt (3 B), held by server2, nas\n' +
      'wrote .vouch-conflict.json, the list of these versions\n',
  )
  expect(stage.files()).toEqual(['.vouch-conflict.json', 'server1_version.txt', 'server2_version.txt'])
  expect(stage.read('server1_version.txt')).toBe('one | FILE_NOT_FOUND')
  expect(stage.read('server2_version.txt')).toBe('two')
  const replicas = ['server2', 'nas']
  expect(JSON.parse(stage.read('.vouch-conflict.json'))).toMatchObject({
    ...{ name: 'file2.txt', agreement: 'conflict' },
    versions: [
      { file: 'server1_version.txt', digest: hash('one | FILE_NOT_FOUND'), size: 20, replicas: ['server1'] },
      { file: 'server2_version.txt', digest: hash('two'), size: 3, replicas },
    ],
    replicas: [{ id: 'server1' }, { id: 'server2' }, { id: 'nas' }, { id: 'old', state: 'missing' }],
  })
})

test('a file missing on some replicas is written with a warning that names them', async () => {
  const stage = createStage()
  const { status, stderr } = await stage.run(['get', 'file3.txt', ...(await startCoordinator(createPair()))])
  expect(status).toBe(0)
  expect(stderr).toContain('file3.txt: incomplete: server1\nwarning: file3.txt: missing on server2\n')
})

test('a file of which a replica sent no copy is written with a warning, its reason, and exit status 3', async () => {
  const stage = createStage()
  const flags = await startCoordinator({ ...createPair(), server2: dead })
  const { status, stderr } = await stage.run(['get', 'file1.txt', ...flags])
  expect(status).toBe(3)
  const output = await stage.run(['get', 'file1.txt', '-o', '-', ...flags])
  expect([output.status, output.stdout]).toEqual([3, 'the same'])
  const json = await stage.run(['get', 'file1.txt', '--json', ...flags])
  expect([json.status, JSON.parse(json.stdout).agreement]).toEqual([3, 'degraded'])
  const strict = await stage.run(['get', 'file1.txt', '--require', 'all', '-O', ...flags])
  expect([strict.status, stage.files()]).toEqual([2, ['client_received.txt']])
  expect(stderr).toContain(
    'file1.txt: degraded: server1\nwarning: file1.txt: server2 did not answer: connection refused\n',
  )
})

test('a file on no replica is an error in one line, and so is one whose existence is unknown', async () => {
  const stage = createStage()
  const absent = await stage.run(['get', 'file4.txt', ...(await startCoordinator(createPair()))])
  expect(absent).toMatchObject({ status: 2, stdout: '' })
  expect(absent.stderr).toMatch(/^vouch: file4.txt: not found on .*\n$/)
  const flags = await startCoordinator({ ...createPair(), server2: dead })
  const unknown = await stage.run(['get', 'file4.txt', ...flags])
  expect(unknown).toMatchObject({ status: 2, stdout: '' })
  expect(unknown.stderr).toBe(
    'vouch: file4.txt: cannot say: server2 did not answer: gone; the others lack it\n',
  )
  expect(stage.files()).toEqual([])
})

test('with --replica, get compares the replicas itself', async () => {
  const stage = createStageWith({ 'a/file.txt': 'one', 'b/file.txt': 'two', 'b/only.txt': 'x' })
  const flags = ['--replica', 'here=a', '--replica', `there=file://${join(stage.cwd, 'b')}`]
  expect(await stage.run(['get', 'file.txt', ...flags])).toMatchObject({ status: 1 })
  expect([stage.read('here_version.txt'), stage.read('there_version.txt')]).toEqual(['one', 'two'])
  expect(await stage.run(['get', 'only.txt', ...flags])).toMatchObject({ status: 0 })
  const missing = await stage.run(['get', 'file.txt', '--replica', 'x=nowhere'])
  expect(missing.status).toBe(2)
  expect(missing.stderr).toMatch(/^vouch: .*nowhere.*\n$/)
})

test.each([
  [['dir/deep.tar.gz'], 'client_received.gz'],
  [['no-extension'], 'client_received'],
  [['dir/deep.tar.gz', '-O'], 'deep.tar.gz'],
  [['dir/deep.tar.gz', '--remote-name'], 'deep.tar.gz'],
  [['file1.txt', '-o', 'mine.bin'], 'mine.bin'],
  [['file1.txt', '-o', './mine.bin'], 'mine.bin'],
])('get %j writes %s', async (args, file) => {
  const stage = createStage()
  expect(await stage.run(['get', ...args, ...(await startCoordinator(createPair()))])).toMatchObject({
    status: 0,
  })
  expect(stage.files()).toEqual([file])
})

test('with -o, the versions of a conflict go to the directory of its path', async () => {
  const stage = createStage()
  const flags = await startCoordinator(createPair())
  const { status, stderr } = await stage.run(['get', 'file2.txt', '-o', 'out/mine', ...flags])
  expect(status).toBe(1)
  expect(stderr).toContain('wrote out/server1_version.txt')
  expect([stage.read('out/server1_version.txt'), stage.read('out/server2_version.txt')]).toEqual([
    'one | FILE_NOT_FOUND',
    'two',
  ])
})

test('-o makes the directory of its path once there is something to write, but none in a replica', async () => {
  const stage = createStageWith({ 'a/f': '1', 'b/f': '1' })
  const run = async (...args: string[]) => await stage.run(['get', ...args, ...toReplicaFlags('a', 'b')])
  expect((await run('none', '-o', 'not/made')).status).toBe(2)
  expect((await run('f', '-o', 'new/deep/f')).status).toBe(0)
  expect((await run('f', '-o', 'a/new/f')).stderr).toContain('is inside the replica a,')
  expect([stage.read('new/deep/f'), stage.files()]).toEqual(['1', ['a', 'b', 'index', 'new']])
  expect(readdirSync(join(stage.cwd, 'a'))).toEqual(['f'])
})

test('--quiet prints only warnings and errors to standard error', async () => {
  const stage = createStage()
  const flags = ['--quiet', ...(await startCoordinator(createPair()))]
  expect(await stage.run(['get', 'file1.txt', ...flags])).toEqual({ status: 0, stdout: '', stderr: '' })
  const stderr = 'warning: file3.txt: missing on server2\n'
  expect(await stage.run(['get', 'file3.txt', ...flags])).toEqual({ status: 0, stdout: '', stderr })
  expect((await stage.run(['get', 'file4.txt', '-q', ...flags])).stderr).toMatch(
    /^vouch: file4.txt: not found/,
  )
})

test('-o - writes the file to standard output, and nothing when there is a conflict', async () => {
  const stage = createStage()
  const flags = await startCoordinator(createPair())
  expect(await stage.run(['get', 'file1.txt', '-o', '-', ...flags])).toMatchObject({
    status: 0,
    stdout: 'the same',
  })
  const conflict = await stage.run(['get', 'file2.txt', '-o', '-', ...flags])
  expect(conflict).toMatchObject({ status: 1, stdout: '' })
  expect(conflict.stderr).toContain('nothing of it was written to standard output')
  expect(stage.files()).toEqual([])
})

test('--json prints a report for every outcome', async () => {
  const stage = createStage()
  const flags = ['--json', ...(await startCoordinator(createPair()))]
  const reports = []
  for (const name of ['file1.txt', 'file2.txt', 'file4.txt']) {
    reports.push(JSON.parse((await stage.run(['get', name, ...flags])).stdout))
  }
  const [one, two] = [hash('one | FILE_NOT_FOUND'), hash('two')]
  expect(reports).toEqual([
    {
      name: 'file1.txt',
      agreement: 'unanimous',
      replicas: [
        { id: 'server1', state: 'match', ...KNOWN },
        { id: 'server2', state: 'match', ...KNOWN },
      ],
      written: [
        { path: 'client_received.txt', digest: hash('the same'), size: 8, replicas: ['server1', 'server2'] },
      ],
    },
    {
      name: 'file2.txt',
      agreement: 'conflict',
      replicas: [
        { id: 'server1', state: 'differ', version: one, ...KNOWN },
        { id: 'server2', state: 'differ', version: two, ...KNOWN },
      ],
      written: [
        { path: 'server1_version.txt', digest: one, size: 20, replicas: ['server1'] },
        { path: 'server2_version.txt', digest: two, size: 3, replicas: ['server2'] },
      ],
      listedIn: '.vouch-conflict.json',
    },
    {
      name: 'file4.txt',
      agreement: 'absent',
      replicas: [
        { id: 'server1', state: 'missing' },
        { id: 'server2', state: 'missing' },
      ],
      written: [],
      error: { kind: 'not-found', message: expect.stringMatching(/^file4.txt: not found on /) },
    },
  ])
})

test('--require is passed on, and too few answers are an error', async () => {
  const stage = createStage()
  const flags = await startCoordinator({ ...createPair(), server2: dead })
  const { status, stderr } = await stage.run(['get', 'file1.txt', '--require', 'all', ...flags])
  expect([status, stage.files()]).toEqual([2, []])
  expect(stderr).toMatch(/^vouch: file1.txt: Fewer replicas answered than were required: .*\n$/)
})

test('without a name, get asks for one on standard error', async () => {
  const stage = createStage()
  const flags = await startCoordinator(createPair())
  for (const line of ['file1.txt\n', 'file1.txt\r\n', 'file1.txt', 'file1.txt\nand more\n']) {
    const { status, stdout, stderr } = await stage.run(['get', '-o', '-', ...flags], { stdin: type(line) })
    expect([status, stdout]).toEqual([0, 'the same'])
    expect(stderr).toMatch(/^Enter file name \(e\.g\., test\.txt\): file1\.txt: unanimous/)
  }
  for (const line of ['', '\n']) {
    const { status, stderr } = await stage.run(['get', ...flags], { stdin: type(line) })
    expect(status).toBe(2)
    expect(stderr).toMatch(
      /vouch: get takes the name of a file, got none; write it behind the command, as in vouch get NAME\n$/,
    )
  }
})

test('a name that URLs normalize reaches the coordinator', async () => {
  const stage = createStage()
  const names = ['a b?c#d%20.txt', '%2e%2e', 'ünïcödé', 'new\nline', 'quote\'"', '-dash']
  const storage = createMemoryStorage(Object.fromEntries(names.map((name) => [name, `<${name}>`])))
  const flags = await startCoordinator({ server1: storage })
  for (const name of names) {
    expect(await stage.run(['get', '-o', '-', ...flags, '--', name])).toMatchObject({
      status: 0,
      stdout: `<${name}>`,
    })
  }
  const { stderr } = await stage.run(['get', '-O', ...flags, 'new\nline'])
  expect(stderr).toBe('new\\u{a}line: from server1, compared with nothing\nwrote new\\u{a}line (10 B)\n')
})

test.each(['../etc/passwd', '/etc/passwd', 'a//b', 'a\\b', '.', 'a/../b'])(
  'the name %j is refused without a request',
  async (name) => {
    const stage = createStage()
    const url = await startScript(() => expect.unreachable('it must not be asked for'))
    const { status, stderr } = await stage.run(['get', name, '--coordinator', url])
    expect(status).toBe(2)
    expect(stderr).toMatch(/^vouch: '.*' is not a valid name of a file: .*\n$/)
  },
)

test('a coordinator that does not run is reported as unreachable in one line', async () => {
  const stage = createStage()
  const served = await serve(() => new Response(), { host: '127.0.0.1', port: 0 })
  await served.close()
  expect(await stage.run(['get', 'file1.txt', '--coordinator', served.url])).toEqual({
    status: 2,
    stdout: '',
    stderr: `vouch: cannot reach the coordinator at ${served.url}: connection refused; is it running? 'vouch coordinator' starts one, and --coordinator names another\n`,
  })
})

test('a redirect is refused, and its target is printed', async () => {
  const stage = createStage()
  const url = await startScript((_request, response) =>
    response.writeHead(302, { Location: '/login\x85' }).end(),
  )
  expect(await stage.run(['get', 'file1.txt', '--coordinator', url])).toMatchObject({
    status: 2,
    stderr: `vouch: the coordinator at ${url} redirects to '/login\\u{85}'; if that is the coordinator, name it with --coordinator\n`,
  })
})

test.each([
  ['a page', 404, { 'Content-Type': 'text/html' }, '<h1>Not Found</h1>'],
  ['broken JSON', 404, { 'Content-Type': 'application/problem+json' }, '{'],
  ['a file without fields', 200, {}, 'bytes'],
  ['a file without an agreement', 200, { ...toFields('bytes'), 'Replica-Agreement': '' }, 'bytes'],
  ['a file with a weak ETag', 200, { ...toFields('bytes'), ETag: 'W/"x"' }, 'bytes'],
  ['an encoded file', 200, { ...toFields('bytes'), 'Content-Encoding': 'gzip' }, 'bytes'],
])(
  '%s from a server that is not a coordinator is an error in one line',
  async (_what, status, fields, body) => {
    const stage = createStage()
    const url = await startScript((_request, response) => response.writeHead(status, fields).end(body))
    const ran = await stage.run(['get', 'file1.txt', '--coordinator', url])
    expect([ran.status, stage.files()]).toEqual([2, []])
    expect(ran.stderr).toMatch(/^vouch: .*\n$/)
  },
)

const version = { size: 3, modified: null, replicas: ['a'], digest: hash('one'), href: '/files/x' }
const other = { ...version, replicas: ['b'], digest: hash('two') }

test.each([
  ['an id that is a path', [{ ...version, replicas: ['../../escape'] }, other]],
  ['an id with a slash', [{ ...version, replicas: ['a/b'] }, other]],
  ['a version without a holder', [{ ...version, replicas: [] }, other]],
  ['one holder of two versions', [version, { ...other, replicas: ['a'] }]],
  ['a single version', [version]],
  ['a digest that is not valid', [version, { ...other, digest: '../x' }]],
])('a manifest with %s is refused before any version is requested', async (_what, versions) => {
  const stage = createStage()
  let requests = 0
  const url = await startScript((_request, response, nth) => {
    requests = nth
    sendProblem(response, 409, { name: 'x.txt', agreement: 'conflict', versions, replicas: [] })
  })
  const { status, stderr } = await stage.run(['get', 'x.txt', '--coordinator', url])
  expect([status, stage.files(), requests]).toEqual([2, [], 1])
  expect(stderr).toMatch(/^vouch: .*\n$/)
})

test('an endless problem document is not read to its end', async () => {
  const url = await startScript((_request, response) => {
    response.writeHead(404, { 'Content-Type': 'application/problem+json' })
    const write = () => void response.write(' '.repeat(65_536), (error) => error || write())
    write()
  })
  const { status, stderr } = await createStage().run(['get', 'x.txt', '--coordinator', url])
  expect([status, stderr]).toEqual([
    2,
    'vouch: the response is longer than any problem document: is that URL a coordinator?\n',
  ])
})

test('characters that change the writing direction are escaped', async () => {
  const flags = await startCoordinator({ server1: createMemoryStorage({ 'a\u202etxt.exe': '' }) })
  const { stderr } = await createStage().run(['get', 'a\u202etxt.exe', '-o', '-', ...flags])
  expect(stderr).toBe('a\\u{202e}txt.exe: from server1, compared with nothing\n')
})

test('name and address of a manifest decide nothing: the requests follow from the name asked for', async () => {
  const stage = createStage()
  const asked: unknown[] = []
  const url = await startScript(({ url }, response, nth) => {
    asked.push(url)
    const content = url?.includes(hash('one')) ? 'one' : 'two'
    const versions = [version, other].map((v) => ({ ...v, href: 'http://elsewhere.invalid/' }))
    if (nth > 1) response.writeHead(200, toFields(content)).end(content)
    else sendProblem(response, 409, { name: '../../x', agreement: 'conflict', versions, replicas: [] })
  })
  expect(await stage.run(['get', 'd/x.txt', '--coordinator', url])).toMatchObject({ status: 1 })
  expect(stage.files()).toEqual(['.vouch-conflict.json', 'a_version.txt', 'b_version.txt'])
  expect(asked).toEqual([
    '/files/d/x.txt',
    `/files/d/x.txt?version=${version.digest}`,
    `/files/d/x.txt?version=${other.digest}`,
  ])
})

test('a version other than the one asked for is refused', async () => {
  const stage = createStage()
  const url = await startScript((_request, response, nth) => {
    if (nth > 1) response.writeHead(200, toFields('three')).end('three')
    else
      sendProblem(response, 409, {
        name: 'x',
        agreement: 'conflict',
        versions: [version, other],
        replicas: [],
      })
  })
  expect(await stage.run(['get', 'x', '--coordinator', url])).toMatchObject({ status: 2 })
  expect(stage.files()).toEqual([])
})

test('a version that vanishes makes get compare again, three times at most, and leaves no file', async () => {
  const stage = createStage()
  let compared = 0
  const url = await startScript(({ url }, response) => {
    if (url?.endsWith(`?version=${other.digest}`)) return sendProblem(response, 404, {})
    if (url?.includes('?version=')) return response.writeHead(200, toFields('one')).end('one')
    compared++
    sendProblem(response, 409, { name: 'x', agreement: 'conflict', versions: [version, other], replicas: [] })
  })
  const { status, stderr } = await stage.run(['get', 'x', '--coordinator', url])
  expect([status, compared, stage.files()]).toEqual([2, 3, []])
  expect(stderr).toMatch(/^vouch: x: the copies kept changing .*\n$/)
})

test.each([
  ['a directory', 'there', /'.*there': it is a directory/],
  ['a path below a file', 'file/x', /'.*x': not a directory/],
  // In the stage, not a real device: a test of this guard must do no harm when the guard is broken.
  ['a FIFO', 'fifo', /'.*fifo': it is not a regular file; -o - writes to standard output/],
])('%s is rejected as destination in one line', async (_what, path, line) => {
  const stage = createStage()
  mkdirSync(join(stage.cwd, 'there'))
  writeFileSync(join(stage.cwd, 'file'), '')
  execFileSync('mkfifo', [join(stage.cwd, 'fifo')])
  const { status, stderr } = await stage.run([
    'get',
    'file1.txt',
    '-o',
    path,
    ...(await startCoordinator(createPair())),
  ])
  expect([status, stage.files()]).toEqual([2, ['fifo', 'file', 'there']])
  expect(stderr).toMatch(/^vouch: cannot write .*\n$/)
  expect(stderr).toMatch(line)
})

test.each([
  [['get', 'a', '-o', 'x', '-O'], '--output and --remote-name exclude each other'],
  [['get', 'a', '-o', '-', '--json'], '--json and --output - both write to standard output'],
  [['get', 'a', '-o', ''], "--output takes the path of a file, or - for standard output, got ''"],
  [['get', 'a', '-o', 'dir/'], "--output takes the path of a file, or - for standard output, got 'dir/'"],
  [['get', 'a', '-o'], '-o needs PATH behind it, got nothing'],
  [
    ['get', 'a', '-o', '--json'],
    "-o needs PATH behind it, got the option '--json'; if that is the value, write --output=--json",
  ],
  [['get', 'a', '--nope'], "get has no option '--nope'; see 'vouch get --help'"],
  [['get', 'a', '--replica', 's3=s3://b'], "got 's3=s3://b'"],
])('vouch %j is refused in one line', async (args, line) => {
  const { status, stdout, stderr } = await createStage().run(args)
  expect(status).toBe(2)
  const message = stderr.slice('vouch: '.length, -1)
  const isJson = args.includes('--json')
  expect(stdout).toBe(isJson ? toJsonLine({ error: { kind: 'usage', message } }) : '')
  expect(stderr).toMatch(/^vouch: .*\n$/)
  expect(stderr).toContain(line)
})
