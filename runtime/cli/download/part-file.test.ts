import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  fstatSync,
  linkSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createMemoryStorage } from '../../../functions/storage/memory.ts'
import { toPut } from '../../../functions/storage/suite/suite-tools.suite.ts'
import { MAX_SMALL_BYTES } from '../limits.ts'
import { createStage, hash, startCoordinator, startScript, toFields } from '../stage.suite.ts'

const CONTENT = Array.from({ length: 2000 }, (_, i) => `line ${i}`).join('\n')
const PART = toPart(CONTENT)
const TARGET = 'client_received.txt'

/** The part file of a content. */
function toPart(content: string): string {
  return `.client_received.txt.${hash(content).slice(0, 16)}.part`
}

/** The flags for a coordinator that sends CONTENT as `file.txt`, with these fields beside its usual ones. */
async function startContent(fields: Record<string, string> = {}): Promise<string[]> {
  const url = await startScript(({ headers }, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0)
    response.writeHead(from > 0 ? 206 : 200, { ...toFields(CONTENT, from), ...fields })
    response.end(CONTENT.slice(from))
  })
  return ['file.txt', '--coordinator', url]
}

test.each([
  [
    'another name of a file of this user',
    (path: string, elsewhere: string) => {
      writeFileSync(elsewhere, 'precious')
      linkSync(elsewhere, path)
    },
  ],
  [
    'of another user',
    (path: string) => {
      writeFileSync(path, CONTENT.slice(0, 100))
      chownSync(path, 1234, 1234)
    },
  ],
  [
    'writable for others',
    (path: string) => {
      writeFileSync(path, CONTENT.slice(0, 100))
      chmodSync(path, 0o666)
    },
  ],
])('a part that is %s is neither resumed nor written to', async (_, prepare) => {
  const stage = createStage()
  const elsewhere = join(createStage().cwd, 'precious')
  writeFileSync(elsewhere, 'precious')
  const part = join(stage.cwd, PART)
  prepare(part, elsewhere)
  const before = readFileSync(part)
  // Open, so that its inode is not given to the part that takes its place.
  const fd = openSync(part, 'r')
  try {
    const { status } = await stage.run(['get', ...(await startContent())])
    expect([status, stage.read(TARGET), stage.files()]).toEqual([0, CONTENT, [TARGET]])
    expect(statSync(join(stage.cwd, TARGET)).ino).not.toBe(fstatSync(fd).ino)
    expect(readFileSync(fd)).toEqual(before)
  } finally {
    closeSync(fd)
  }
  expect(readFileSync(elsewhere, 'utf8')).toBe('precious')
})

test('a file that is replaced keeps its permissions, owner and extended attributes', async () => {
  const stage = createStage()
  const target = join(stage.cwd, TARGET)
  writeFileSync(target, 'before')
  chmodSync(target, 0o600)
  chownSync(target, 1234, 4321)
  execFileSync('setfattr', ['-n', 'user.origin', '-v', 'scanner', target])
  const { status, stderr } = await stage.run(['get', ...(await startContent())])
  expect([status, stderr]).toEqual([0, expect.not.stringContaining('not kept')])
  const { mode, uid, gid } = statSync(target)
  expect([mode & 0o7777, uid, gid]).toEqual([0o600, 1234, 4321])
  const value = execFileSync('getfattr', ['-n', 'user.origin', '--only-values', '--absolute-names', target])
  expect([String(value), stage.read(TARGET)]).toEqual(['scanner', CONTENT])
})

test('attributes of a replaced file that could not be kept are reported', async () => {
  const stage = createStage()
  writeFileSync(join(stage.cwd, TARGET), 'before')
  const flags = await startContent()
  const path = process.env['PATH']
  process.env['PATH'] = stage.cwd
  try {
    const { status, stderr } = await stage.run(['get', ...flags])
    expect([status, stderr]).toEqual([
      0,
      expect.stringMatching(/^warning: client_received\.txt: not kept: extended attributes .*$/m),
    ])
  } finally {
    process.env['PATH'] = path
  }
})

test('a new file gets the mode of the umask, and is private until it is complete', async () => {
  const stage = createStage()
  const content = 'x'.repeat(MAX_SMALL_BYTES + 1)
  let mode: number | undefined
  const url = await startScript((_request, response) => {
    response.writeHead(200, toFields(content))
    response.write(content.slice(0, 100))
    const timer = setInterval(() => {
      const part = statSync(join(stage.cwd, toPart(content)), { throwIfNoEntry: false })
      if (part === undefined || part.size < 100) return
      clearInterval(timer)
      mode = part.mode & 0o777
      response.end(content.slice(100))
    }, 2)
  })
  expect(await stage.run(['get', 'file.txt', '--coordinator', url])).toMatchObject({ status: 0 })
  expect(mode).toBe(0o600)
  expect(statSync(join(stage.cwd, TARGET)).mode & 0o777).toBe(0o666 & ~process.umask())
})

test.each([
  ['File-Modified, to the millisecond', { 'File-Modified': '1265079845.678' }, 1_265_079_845_678],
  ['Last-Modified', { 'Last-Modified': 'Tue, 02 Feb 2010 03:04:05 GMT' }, 1_265_079_845_000],
])('a file takes the time of its content from %s', async (_, fields, expected) => {
  const stage = createStage()
  const { status } = await stage.run(['get', ...(await startContent(fields))])
  expect([status, Math.floor(statSync(join(stage.cwd, TARGET)).mtimeMs)]).toEqual([0, expected])
})

test('every version of a conflict gets its own time', async () => {
  const stage = createStage()
  const replicas = { a: createMemoryStorage(), b: createMemoryStorage() }
  const times = { a: Date.UTC(2001, 1, 3, 4, 5, 6, 789), b: Date.UTC(2002, 1, 3, 4, 5, 6, 789) }
  for (const id of ['a', 'b'] as const) {
    const bytes = new TextEncoder().encode(id)
    const options = { ...(await toPut(bytes, null)), modified: times[id] }
    await replicas[id].put('file.txt', new Blob([bytes]).stream(), options)
  }
  const { status } = await stage.run(['get', 'file.txt', ...(await startCoordinator(replicas))])
  expect(status).toBe(1)
  const toTime = (id: string) => Math.floor(statSync(join(stage.cwd, `${id}_version.txt`)).mtimeMs)
  expect({ a: toTime('a'), b: toTime('b') }).toEqual(times)
})

test('a name with a very long extension is fetched, its extension cut to whole characters', async () => {
  const stage = createStage()
  const name = `a.${'é'.repeat(126)}`
  const coordinator = await startCoordinator({
    a: createMemoryStorage({ [name]: 'same' }),
    b: createMemoryStorage({ [name]: 'same' }),
  })
  expect(await stage.run(['get', name, ...coordinator])).toMatchObject({ status: 0 })
  const [file = '', ...more] = stage.files()
  expect([more, stage.read(file)]).toEqual([[], 'same'])
  expect(file).toMatch(/^client_received\.é+$/)
  expect(Buffer.byteLength(file)).toBeGreaterThan(253)
})

test('holes of a content are holes in the file', async () => {
  const stage = createStage()
  const image = new Uint8Array(4 * 1024 * 1024)
  image.fill(1, 2_000_000, 2_000_100)
  const coordinator = await startCoordinator({ a: createMemoryStorage({ 'disk.img': image }) })
  expect(await stage.run(['get', 'disk.img', ...coordinator])).toMatchObject({ status: 0 })
  const { size, blocks } = statSync(join(stage.cwd, 'client_received.img'))
  expect([size, blocks * 512 < 100_000]).toEqual([image.length, true])
  expect(hash(readFileSync(join(stage.cwd, 'client_received.img')))).toBe(hash(image))
})
