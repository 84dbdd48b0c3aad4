import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createMemoryStorage } from '../../../functions/storage/memory.ts'
import type { Storage } from '../../../functions/storage/storage.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { serve } from '../../node/http/serve.ts'
import { MAX_SMALL_BYTES } from '../limits.ts'
import { finish, startServer, startVouch } from '../process.suite.ts'
import {
  createStage,
  createStageWith,
  hash,
  type Stage,
  sendProblem,
  startCoordinator,
  startScript,
  toFields,
  toReplicaFlags,
  type,
} from '../stage.suite.ts'

/** The regular files below a directory of the stage, by their paths there. */
function readTree(stage: Stage, directory = '.'): Record<string, string> {
  const root = join(stage.cwd, directory)
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name))
  return Object.fromEntries(paths.map((path) => [path.slice(root.length + 1), readFileSync(path, 'utf8')]))
}

const SAME = { 'docs/a.txt': 'a', 'docs/deep/b.txt': 'b', 'c.bin': 'c' }

function createPair(): { one: Storage; two: Storage } {
  return {
    one: createMemoryStorage({ ...SAME, 'docs/odd.txt': 'first', 'docs/half.txt': 'half' }),
    two: createMemoryStorage({ ...SAME, 'docs/odd.txt': 'second' }),
  }
}

const SUMMARY = '5 files, 18 B received: 3 the same everywhere, 1 differ, 1 missing on two\n'
const REPORT =
  'warning: docs/half.txt: missing on two\n' +
  'docs/odd.txt: conflict: one ≠ two\n' +
  'wrote out/docs/odd.one_version.txt (5 B), held by one\n' +
  'wrote out/docs/odd.two_version.txt (6 B), held by two\n' +
  'wrote out/docs/odd.txt.vouch-conflict.json, the list of these versions\n'
const TREE = {
  'c.bin': 'c',
  'docs/a.txt': 'a',
  'docs/deep/b.txt': 'b',
  'docs/half.txt': 'half',
  'docs/odd.one_version.txt': 'first',
  'docs/odd.two_version.txt': 'second',
  'docs/odd.txt.vouch-conflict.json': expect.stringContaining('"file":"odd.one_version.txt"'),
}

test.each([
  ['names', ['c.bin', 'docs/a.txt', 'docs/deep/b.txt', 'docs/half.txt', 'docs/odd.txt']],
  ['a name and a folder', ['c.bin', 'docs/', 'c.bin']],
  ['a glob', ['--match', '**']],
  ['a list', ['--files-from', 'list']],
  ['a list on standard input', ['--files-from', '-']],
])('%s are received below a directory, with their folders', async (_what, args) => {
  const stage = createStage()
  const list = 'c.bin\r\ndocs/a.txt\n\n  \ndocs/deep/b.txt\ndocs/half.txt\r\ndocs/odd.txt'
  writeFileSync(join(stage.cwd, 'list'), list)
  const flags = ['-o', 'out/', ...(await startCoordinator(createPair()))]
  const { status, stderr } = await stage.run(['get', ...args, ...flags], { stdin: type(list) })
  expect([status, stderr.endsWith(SUMMARY)]).toEqual([1, true])
  expect(stderr.split('\n').sort()).toEqual((REPORT + SUMMARY).split('\n').sort())
  expect(readTree(stage, 'out')).toEqual(TREE)
})

test('a second run receives only what changed, also of a conflict', async () => {
  const stage = createStageWith({ 'out/docs/a.txt': 'old' })
  const flags = ['docs/', 'c.bin', '-o', 'out', ...(await startCoordinator(createPair()))]
  await stage.run(['get', ...flags])
  const before = statSync(join(stage.cwd, 'out/c.bin'))
  writeFileSync(join(stage.cwd, 'out/docs/deep/b.txt'), 'B')
  const { status, stderr } = await stage.run(['get', ...flags])
  expect([status, readTree(stage, 'out')]).toEqual([1, TREE])
  expect(stderr).toMatch(/^5 files, 1 B received: 3 the same .*; 3 already there$/m)
  expect(statSync(join(stage.cwd, 'out/c.bin')).ino).toBe(before.ino)
})

test('--json prints a line for each file and a summary', async () => {
  const stage = createStageWith({ 'c.bin': 'c' })
  const flags = ['--json', ...(await startCoordinator(createPair()))]
  const { stdout } = await stage.run(['get', 'c.bin', 'docs/a.txt', 'nowhere', ...flags])
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const replicas = ['one', 'two']
  expect(lines.slice(0, -1).sort((a, b) => (a.name < b.name ? -1 : 1))).toMatchObject([
    { name: 'c.bin', agreement: 'unanimous', written: [], unchanged: { path: 'c.bin', size: 1, replicas } },
    { name: 'docs/a.txt', agreement: 'unanimous', written: [{ path: 'docs/a.txt', digest: hash('a') }] },
    { name: 'nowhere', agreement: 'absent', written: [], error: { kind: 'not-found' } },
  ])
  expect(lines.at(-1)).toEqual({
    summary: { names: 3, agreements: { unanimous: 2 }, failed: 1, unasked: 0, unchanged: 1, received: 1 },
  })
})

const dead: Storage = {
  ...createMemoryStorage(),
  describe: (names) => names.map(() => Promise.reject(new StorageError('unreachable', 'gone'))),
  list: () => Promise.reject(new StorageError('unreachable', 'gone')),
}

test('the exit status is the worst of all', async () => {
  const stage = createStage()
  const run = async (replicas: Record<string, Storage>, ...names: string[]) =>
    (await stage.run(['get', ...names, ...(await startCoordinator(replicas))])).status
  const { one, two } = createPair()
  expect(await run({ one, two }, 'c.bin', 'docs/a.txt')).toBe(0)
  expect(await run({ one, two, dead }, 'c.bin', 'docs/a.txt')).toBe(3)
  expect(await run({ one, two, dead }, 'c.bin', 'docs/odd.txt')).toBe(1)
  expect(await run({ one, two }, 'nowhere', 'docs/odd.txt', 'c.bin')).toBe(2)
})

test('a folder that some replica does not list is received with a warning and exit status 3', async () => {
  const stage = createStage()
  const coordinator = await startCoordinator({ one: createMemoryStorage(SAME), dead })
  const { status, stderr } = await stage.run(['get', 'docs/', '--exclude', 'b*', ...coordinator])
  expect([status, readTree(stage)]).toEqual([3, { 'docs/a.txt': 'a' }])
  expect(stderr).toContain('warning: dead sent no listing, so files that only it holds are left out: gone\n')
})

const OK = [{ id: 'server1', state: 'ok' }]

function sendPage(response: ServerResponse, names: readonly string[], next: string | null): void {
  const copies = [{ id: 'server1', size: 4, modified: null }]
  const entries = names.map((name) => ({ name, copies }))
  response.end(JSON.stringify({ entries, next, replicas: OK }))
}

test('a listing is read page by page', async () => {
  const stage = createStage()
  const asked: (string | undefined)[] = []
  const url = await startScript(({ url }, response) => {
    if (url?.startsWith('/files/')) response.writeHead(200, toFields('same')).end('same')
    else if (asked.push(url) === 1) sendPage(response, ['d/a', 'd/b'], 'd/b')
    else sendPage(response, asked.length === 2 ? [] : ['d/z'], asked.length === 2 ? 'd/c' : null)
  })
  const { status, stderr } = await stage.run(['get', 'd/', '--coordinator', url])
  expect([status, stderr]).toEqual([0, '3 files, 12 B received: 3 the same everywhere\n'])
  expect(readTree(stage)).toEqual({ 'd/a': 'same', 'd/b': 'same', 'd/z': 'same' })
  expect(asked).toEqual([
    '/files?prefix=d%2F',
    '/files?prefix=d%2F&after=d%2Fb',
    '/files?prefix=d%2F&after=d%2Fc',
  ])
})

test.each([
  ['a name that is not valid', ['d/../x'], null],
  ['a name elsewhere', ['e/x'], null],
  ['names out of order', ['d/b', 'd/a'], null],
  ['the same page again', ['d/a'], 'd/a'],
])('a listing with %s is refused', async (_what, names, next) => {
  const url = await startScript((_request, response) => sendPage(response, names, next))
  const stage = createStage()
  const { status, stderr } = await stage.run(['get', 'd/', '--coordinator', url])
  expect([status, stderr, stage.files()]).toEqual([
    2,
    expect.stringMatching(/^vouch: the listing has .*\n$/),
    [],
  ])
})

test.each([
  [['a', 'b', '-o', '-'], '--output - takes one file, got several'],
  [['a', 'b', '-O'], '--remote-name is for one file'],
  [['a', 'b', '-o', ''], '--output takes the path of a directory'],
  [['a', '../b'], "'../b' is not a valid name of a file"],
  [['a', ''], 'got none'],
  [['a', 'b//'], "'b//' is not a valid name of a folder"],
  [['a', '--match', '*'], '--match and --exclude select from folders, but only names of files are given'],
  [['--files-from', 'bad'], "bad, line 3: '/etc/passwd' is not a valid name of a file"],
  [['--files-from', 'latin'], 'latin, line 2: it is not UTF-8'],
  [['--files-from', 'blank'], 'blank has no names'],
  [['--files-from', 'nowhere'], 'cannot read nowhere: no such file or directory'],
])('vouch get %j is refused in one line, without a request', async (args, line) => {
  const stage = createStageWith({
    bad: 'a\n\n/etc/passwd\n',
    blank: '\n \n',
    latin: Buffer.from('a\n\xe4', 'latin1'),
  })
  const url = await startScript(() => expect.unreachable('nothing must be asked for'))
  const { status, stderr } = await stage.run(['get', ...args, '--coordinator', url])
  expect(status).toBe(2)
  expect(stderr).toMatch(/^vouch: .*\n$/)
  expect(stderr).toContain(line)
})

test('a folder without files is an error', async () => {
  const coordinator = await startCoordinator(createPair())
  const { status, stderr } = await createStage().run(['get', 'none/', '--match', '*', ...coordinator])
  expect([status, stderr]).toEqual([
    2,
    "vouch: no replica that answered has a file below 'none/' that --match and --exclude select; 'vouch check --all' lists all names\n",
  ])
})

test('symbolic links, part files and directories in the way keep only their own files from being written', async () => {
  const stage = createStageWith({ 'elsewhere/y': '', 'out/taken/x': '' })
  const part = `.x.${'0'.repeat(16)}.part`
  const names = ['link/a', 'own', 'taken', 'good', part, 'x/under', 'x']
  symlinkSync('../elsewhere', join(stage.cwd, 'out/link'))
  symlinkSync('../elsewhere/y', join(stage.cwd, 'out/own'))
  writeFileSync(join(stage.cwd, 'out/x'), 'before')
  const storage = createMemoryStorage(Object.fromEntries(names.map((name) => [name, 'new'])))
  const { status, stderr } = await stage.run([
    'get',
    ...names,
    '-o',
    'out',
    ...(await startCoordinator({ storage })),
  ])
  expect(status).toBe(2)
  expect(stderr.match(/^error: \S+: .*$/gm)?.sort()).toEqual([
    expect.stringMatching(`^error: ${part}: .*unfinished downloads`),
    expect.stringMatching(/^error: link\/a: '.*out\/link' is a symbolic link/),
    expect.stringMatching(/^error: own: cannot write 'out\/own': it is a symbolic link/),
    expect.stringMatching(/^error: taken: cannot write 'out\/taken': it is a directory/),
    expect.stringMatching(/^error: x\/under: cannot write below '.*out\/x': it is not a directory/),
  ])
  expect(stderr).toContain('7 files, 6 B received: 2 on one replica, compared with nothing, 5 not received')
  expect(readdirSync(join(stage.cwd, 'elsewhere'))).toEqual(['y'])
  expect(readTree(stage, 'elsewhere')).toEqual({ y: '' })
  expect([stage.read('out/good'), stage.read('out/x'), existsSync(join(stage.cwd, 'out/x/under'))]).toEqual([
    'new',
    'new',
    false,
  ])
})

test('files are never written into a compared replica', async () => {
  const stage = createStageWith({ 'a/f': '1', 'b/f': '1', 'a/b/g': '1', 'b/b/g': '1' })
  const flags = [...toReplicaFlags('a', 'b'), '--match', '**']
  const { status, stderr } = await stage.run(['get', ...flags])
  expect([status, stderr]).toEqual([2, expect.stringMatching(/^error: b\/g: '.*' is inside the replica b,/m)])
  expect(await stage.run(['get', ...flags, '-o', 'a/new'])).toMatchObject({ status: 2 })
  expect(readTree(stage, 'a')).toEqual({ f: '1', 'b/g': '1' })
  expect([stage.read('f'), existsSync(join(stage.cwd, 'a/new'))]).toEqual(['1', false])
})

test('versions that two conflicts would write to one path are refused', async () => {
  const names = ['x.txt', 'x.one_version.txt']
  const one = createMemoryStorage(Object.fromEntries(names.map((name) => [name, 'first'])))
  const two = createMemoryStorage(Object.fromEntries(names.map((name) => [name, 'second'])))
  const stage = createStage()
  const { status, stderr } = await stage.run(['get', ...names, ...(await startCoordinator({ one, two }))])
  expect(status).toBe(2)
  expect(stderr).toContain(
    "error: x.txt: 'x.one_version.txt' is needed for another file too; get this one by itself\n",
  )
})

test('a coordinator that does not run, or accepts no client, stops all files', async () => {
  const served = await serve(() => new Response(), { host: '127.0.0.1', port: 0 })
  await served.close()
  const names = Array.from({ length: 50 }, (_, i) => `f${i}`)
  const delay = () => expect.unreachable('it must not try again')
  const gone = await createStage().run(['get', ...names, '--coordinator', served.url], { delay })
  expect(gone.status).toBe(2)
  expect(gone.stderr).toMatch(
    /^50 files, 0 B received: 0 the same everywhere, 50 not asked for\nvouch: cannot reach the coordinator at .*: connection refused; .*\n$/,
  )
  let asked = 0
  const url = await startScript((_request, response, nth) => {
    asked = nth
    sendProblem(response, 401, { type: 'unauthorized' })
  })
  const { status, stderr } = await createStage().run(['get', ...names, '--coordinator', url])
  // Four workers ask for many files, and then for one.
  expect([status, asked <= 8]).toEqual([2, true])
  expect(stderr).toMatch(/^vouch: f\d+: Trouble; send one of its tokens with --token-file or VOUCH_TOKEN$/m)
})

/** Names of so many files that some are asked for together. */
const TOGETHER = Array.from({ length: 20 }, (_, i) => `f${i}`)

/** A server of files whose content is their name; `answerMany` answers requests for many. */
async function startMany(answerMany: (names: readonly string[], response: ServerResponse) => void) {
  const asked: string[] = []
  const url = await startScript((request, response) => {
    asked.push(request.url ?? '')
    const name = request.url?.slice('/files/'.length) ?? ''
    if (request.method === 'GET') response.writeHead(200, toFields(name)).end(name)
    else request.on('data', (body) => answerMany(JSON.parse(String(body)).names, response))
  })
  return { asked, run: (stage: Stage) => stage.run(['get', ...TOGETHER, '-o', 'out', '--coordinator', url]) }
}

const toMessage = (name: string) => {
  const fields = Object.entries(toFields(name)).map(([field, value]) => `${field}: ${value}\r\n`)
  return `HTTP/1.1 200 \r\n${fields.join('')}\r\n${name}`
}

const PIPELINE = { 'Content-Type': 'application/http' }

test('many files are asked for together', async () => {
  const stage = createStage()
  const { asked, run } = await startMany((names, response) =>
    response.writeHead(200, PIPELINE).end(names.map(toMessage).join('')),
  )
  const { status, stderr } = await run(stage)
  expect([status, stderr]).toEqual([0, expect.stringContaining('20 files, 50 B received')])
  expect(readTree(stage, 'out')).toEqual(Object.fromEntries(TOGETHER.map((name) => [name, name])))
  expect(asked).toContain('/reads')
  // The last ones are asked for alone.
  expect(asked.length).toBeLessThan(15)
})

test.each<[string, (names: readonly string[], response: ServerResponse) => void]>([
  [
    'does not know such requests',
    (_names, response) => sendProblem(response, 404, { type: 'no-such-resource' }),
  ],
  ['answers with something else', (_names, response) => response.writeHead(200).end('<html>')],
  ['sends no response', (_names, response) => response.writeHead(200, PIPELINE).end('no response')],
  ['closes the connection', (_names, response) => response.socket?.destroy()],
  [
    'breaks off after the first file',
    (names, response) => response.writeHead(200, PIPELINE).end(`${toMessage(names[0] ?? '')}HTTP/1.1 2`),
  ],
  [
    'breaks off within a file',
    (names, response) => response.writeHead(200, PIPELINE).end(toMessage(names[0] ?? '').slice(0, -1)),
  ],
])('each file is asked for when a coordinator %s', async (_what, answerMany) => {
  const stage = createStage()
  const { status, stderr } = await (await startMany(answerMany)).run(stage)
  expect([status, stderr]).toEqual([
    0,
    expect.stringMatching(/^20 files, .* received: 20 the same everywhere$/m),
  ])
  expect(readTree(stage, 'out')).toEqual(Object.fromEntries(TOGETHER.map((name) => [name, name])))
})

test('a file whose transfer keeps breaking off does not stop the others', async () => {
  const content = 'x'.repeat(10_000)
  const url = await startScript(({ url, headers }, response) => {
    if (url !== '/files/bad') response.writeHead(200, toFields(content)).end(content)
    else {
      response.writeHead(headers.range ? 503 : 200, toFields(content)).write('x')
      setTimeout(() => response.socket?.destroy(), 5)
    }
  })
  const stage = createStage()
  const { status, stderr } = await stage.run(['get', 'bad', 'b', 'c', 'd', 'e', 'f', '--coordinator', url])
  expect(status).toBe(2)
  expect(stderr).toMatch(/^error: bad: .*; gave up after 5 tries; run it again to resume$/m)
  expect(Object.keys(readTree(stage)).sort()).toEqual(['b', 'c', 'd', 'e', 'f'])
})

test('the command gets files from a coordinator of its own', async () => {
  const big = Buffer.alloc(3 * MAX_SMALL_BYTES, 'abc')
  const files = Object.fromEntries(
    Array.from({ length: 30 }, (_, i) => [`tree/d${i % 3}/f${i}`, `content ${i}`]),
  )
  const stage = createStageWith({})
  for (const replica of ['a', 'b']) {
    for (const [name, content] of Object.entries(files)) stage.write({ [`${replica}/${name}`]: content })
    stage.write({ [`${replica}/tree/big`]: big, [`${replica}/tree/odd.txt`]: replica })
  }
  stage.write({ 'a/tree/only': 'here', 'elsewhere/x': '' })
  const time = Date.UTC(2010, 1, 2, 3, 4, 5, 500)
  for (const replica of ['a', 'b'])
    utimesSync(join(stage.cwd, replica, 'tree/d0/f0'), time / 1000, time / 1000)
  mkdirSync(join(stage.cwd, 'out/tree'), { recursive: true })
  symlinkSync(join(stage.cwd, 'elsewhere'), join(stage.cwd, 'out/tree/d2'))
  const server = await startServer(['coordinator', ...toReplicaFlags('a', 'b')], stage.cwd)
  try {
    const get = async (...args: string[]) =>
      await finish(startVouch(['get', ...args, '--coordinator', server.url], stage.cwd))
    const names = [...Object.keys(files), 'tree/big', 'tree/odd.txt', 'tree/only', 'tree/nowhere']
    const child = startVouch(
      ['get', '--files-from', '-', '-o', 'out', '--coordinator', server.url],
      stage.cwd,
      [],
      {
        ...process.env,
      },
      'pipe',
    )
    child.stdin?.end(names.join('\n'))
    const { status, said } = await finish(child)
    expect([status, said[0]]).toEqual([2, ''])
    expect(said[1]).toContain('warning: tree/only: missing on b\n')
    expect(said[1]).toContain('tree/odd.txt: conflict: a ≠ b\n')
    expect(said[1]).toMatch(/^error: tree\/nowhere: not found on any of 2 replicas/m)
    expect(said[1]).toMatch(
      /\n34 files, .* received: 21 the same everywhere, 1 differ, 1 missing on b, 11 not received\n$/,
    )
    expect(readdirSync(join(stage.cwd, 'elsewhere'))).toEqual(['x'])
    const received = readTree(stage, 'out/tree')
    expect(received['big']).toBe(String(big))
    expect(received['d0/f0']).toBe('content 0')
    expect(Math.floor(statSync(join(stage.cwd, 'out/tree/d0/f0')).mtimeMs)).toBe(time)

    const again = await get(
      'tree/',
      '--match',
      'tree/d[01]/*',
      '--match',
      'tree/d0/**',
      '--match',
      'tree/d1/*',
      '-o',
      'out',
    )
    expect([again.status, again.said[1]]).toEqual([
      0,
      '20 files, 0 B received: 20 the same everywhere; 20 already there\n',
    ])
  } finally {
    await server.stop()
  }
})

test.each(['SIGKILL', 'SIGINT'] as const)(
  'after %s the next run resumes, and does not repeat what is done',
  async (end) => {
    const stage = createStage()
    const content = 'abc'.repeat(MAX_SMALL_BYTES)
    const half = MAX_SMALL_BYTES
    const asked: (readonly [string | undefined, string | undefined, boolean])[] = []
    const url = await startScript(({ url, headers }, response) => {
      const isBig = url === '/files/d/big'
      asked.push([url, headers.range, headers['if-none-match'] !== undefined])
      if (!isBig) {
        const status = headers['if-none-match'] ? 304 : 200
        response.writeHead(status, toFields('small')).end(status === 200 ? 'small' : undefined)
        return
      }
      const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0)
      response.writeHead(from > 0 ? 206 : 200, toFields(content, from))
      if (from > 0) response.end(content.slice(from))
      // Until the second run connects.
      else if (asked.length <= 2) response.write(content.slice(0, half))
      else response.write(content.slice(0, 1))
    })
    const args = ['get', 'd/small', 'd/big', '--coordinator', url]
    const child = startVouch(args, stage.cwd)
    const part = join(stage.cwd, 'd', `.big.${hash(content).slice(0, 16)}.part`)
    await expect.poll(() => statSync(part, { throwIfNoEntry: false })?.size, { timeout: 20_000 }).toBe(half)
    child.kill(end)
    expect((await finish(child)).status).toBe(end === 'SIGINT' ? 130 : null)
    const { status, stderr } = await stage.run(args)
    expect([status, stderr]).toEqual([
      0,
      '2 files, 512 KiB received: 2 the same everywhere; 1 already there\n',
    ])
    expect(readTree(stage, 'd')).toEqual({ big: content, small: 'small' })
    expect(asked).toContainEqual(['/files/d/big', `bytes=${half}-`, false])
    expect(asked).toContainEqual(['/files/d/small', undefined, true])
  },
)
