import { readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import {
  createCollector,
  createStage,
  hash,
  type Stage,
  sendProblem,
  startScript,
  toFields,
} from '../stage.suite.ts'
import { CONTRADICTED } from './download.ts'

/** Too much to be held in memory, which has no part file. */
const CONTENT = Array.from({ length: 40_000 }, (_, i) => `line ${i}`).join('\n')
const PART = `.client_received.txt.${hash(CONTENT).slice(0, 16)}.part`
const HALF = 70_001

/**
 * Announces all of `content`, and breaks the connection off once `seen` counts that the client has received
 * the bytes sent, from `from` up to `to`: fetch drops bytes still on their way when a connection breaks.
 */
function sendCut(
  response: ServerResponse,
  seen: () => number,
  { content = CONTENT, from = 0, to = HALF } = {},
): void {
  response.writeHead(from > 0 ? 206 : 200, toFields(content, from))
  response.write(content.slice(from, to))
  const timer = setInterval(() => {
    if (seen() < to) return
    clearInterval(timer)
    response.socket?.destroy()
  }, 2)
}

/** How much of the content a stage's unfinished download holds. */
function inPart(stage: Stage): () => number {
  return () => statSync(join(stage.cwd, PART), { throwIfNoEntry: false })?.size ?? 0
}

function sendWhole(response: ServerResponse, content: string): void {
  response.writeHead(200, toFields(content)).end(content)
}

function sendRest(response: ServerResponse, content: string, range: string | undefined): void {
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1])
  response.writeHead(206, toFields(content, from)).end(content.slice(from))
}

test('a transfer cut midway resumes where it stopped, by Range and If-Range', async () => {
  const stage = createStage()
  const asked: unknown[] = []
  const delays: number[] = []
  const url = await startScript(({ headers }, response, nth) => {
    asked.push([headers.range, headers['if-range']])
    if (nth === 1) sendCut(response, inPart(stage))
    else if (nth === 2) sendCut(response, inPart(stage), { from: HALF, to: HALF + 1000 })
    else sendRest(response, CONTENT, headers.range)
  })
  const delay = async (ms: number) => void delays.push(ms)
  const { status } = await stage.run(['get', 'file.txt', '--coordinator', url], { delay })
  expect(status).toBe(0)
  expect(stage.read('client_received.txt')).toBe(CONTENT)
  expect(stage.files()).toEqual(['client_received.txt'])
  const etag = `"${hash(CONTENT)}"`
  expect(asked).toEqual([
    [undefined, undefined],
    [`bytes=${HALF}-`, etag],
    [`bytes=${HALF + 1000}-`, etag],
  ])
  expect(delays).toEqual([500, 1000])
})

test('a content that changed in between is received again from the start', async () => {
  const stage = createStage()
  const url = await startScript((_request, response, nth) => {
    if (nth === 1) sendCut(response, inPart(stage))
    else sendWhole(response, 'another content')
  })
  const { status } = await stage.run(['get', 'file.txt', '--coordinator', url])
  expect(status).toBe(0)
  expect(stage.read('client_received.txt')).toBe('another content')
  expect(stage.files()).toEqual(['client_received.txt'])
})

test('the whole answer of a server that ignores Range is accepted', async () => {
  const stage = createStage()
  const url = await startScript((_request, response, nth) => {
    if (nth === 1) sendCut(response, inPart(stage))
    else sendWhole(response, CONTENT)
  })
  expect(await stage.run(['get', 'file.txt', '--coordinator', url])).toMatchObject({ status: 0 })
  expect(stage.read('client_received.txt')).toBe(CONTENT)
})

test('a conflict that arises in between is reported as one', async () => {
  const stage = createStage()
  const [a, b] = ['one', 'two']
  const versions = [a, b].map((content, i) => ({
    digest: hash(content),
    size: content.length,
    modified: null,
    replicas: [`server${i + 1}`],
    href: '/',
  }))
  const url = await startScript(({ url }, response, nth) => {
    const version = [a, b].find((content) => url?.endsWith(`?version=${hash(content)}`))
    if (nth === 1) sendCut(response, inPart(stage))
    else if (version) sendWhole(response, version)
    else sendProblem(response, 409, { name: 'file.txt', agreement: 'conflict', versions, replicas: [] })
  })
  expect(await stage.run(['get', 'file.txt', '--coordinator', url])).toMatchObject({ status: 1 })
  expect(stage.files()).toEqual(['.vouch-conflict.json', 'server1_version.txt', 'server2_version.txt'])
})

test('after five tries it gives up, with one line, and keeps the received bytes for the next run', async () => {
  const stage = createStage()
  const delays: number[] = []
  const delay = async (ms: number) => void delays.push(ms)
  let requests = 0
  const url = await startScript((_request, response, nth) => {
    requests = nth
    if (nth === 1) sendCut(response, inPart(stage))
    else response.socket?.destroy()
  })
  const { status, stderr } = await stage.run(['get', 'file.txt', '--coordinator', url], { delay })
  expect(delays).toEqual([500, 1000, 2000, 4000])
  expect([status, requests]).toEqual([2, 5])
  expect(stderr).toMatch(
    /^vouch: cannot reach the coordinator at .*: connection terminated; if it serves https, .*; gave up after 5 tries; run it again to resume\n$/,
  )
  expect(stage.files()).toEqual([PART])
  expect(stage.read(PART)).toBe(CONTENT.slice(0, HALF))
})

test('a server that fails after half of the file is asked again', async () => {
  const stage = createStage()
  const url = await startScript(({ headers }, response, nth) => {
    if (nth === 1) sendCut(response, inPart(stage))
    else if (nth === 2) response.writeHead(502).end('<h1>Bad Gateway</h1>')
    else if (nth === 3) sendProblem(response, 503, {})
    else sendRest(response, CONTENT, headers.range)
  })
  expect(await stage.run(['get', 'file.txt', '--coordinator', url])).toMatchObject({ status: 0 })
  expect(stage.read('client_received.txt')).toBe(CONTENT)
})

test.each([
  ['another part', () => toFields(CONTENT, HALF + 1)],
  ['a part of another content', () => toFields(`!${CONTENT.slice(1)}`, HALF)],
  ['a part of a content of another size', () => toFields(`${CONTENT}!`, HALF)],
])('%s is not accepted as the requested range, which is requested again', async (_what, fields) => {
  const stage = createStage()
  const ranges: unknown[] = []
  const url = await startScript(({ headers }, response, nth) => {
    ranges.push(headers.range)
    if (nth === 1) sendCut(response, inPart(stage))
    else if (nth > 2) sendRest(response, CONTENT, headers.range)
    else response.writeHead(206, fields()).end('?'.repeat(Number(fields()['Content-Length'])))
  })
  expect(await stage.run(['get', 'file.txt', '--coordinator', url])).toMatchObject({ status: 0 })
  expect(ranges).toEqual([undefined, `bytes=${HALF}-`, `bytes=${HALF}-`])
  expect(stage.read('client_received.txt')).toBe(CONTENT)
})

test('a file that another run put in place of the verified one is not accepted', async () => {
  const stage = createStage()
  const url = await startScript((_request, response) => {
    response.writeHead(200, toFields(CONTENT))
    response.write(CONTENT.slice(0, HALF))
    const timer = setInterval(() => {
      if (inPart(stage)() < HALF) return
      clearInterval(timer)
      rmSync(join(stage.cwd, PART))
      writeFileSync(join(stage.cwd, PART), 'begun again')
      response.end(CONTENT.slice(HALF))
    }, 2)
  })
  const { status, stderr } = await stage.run(['get', 'file.txt', '--coordinator', url])
  expect([status, stage.files()]).toEqual([2, [PART]])
  expect(stderr).toMatch(/^vouch: another run removed '.*'; run it again\n$/)
})

test('a later run resumes what an earlier one left', async () => {
  const stage = createStage()
  writeFileSync(join(stage.cwd, PART), CONTENT.slice(0, HALF))
  const ranges: unknown[] = []
  const url = await startScript(({ headers }, response) => {
    ranges.push(headers.range)
    if (headers.range) sendRest(response, CONTENT, headers.range)
    else sendWhole(response, CONTENT)
  })
  expect(await stage.run(['get', 'file.txt', '--coordinator', url])).toMatchObject({ status: 0 })
  expect(ranges).toEqual([undefined, `bytes=${HALF}-`])
  expect(stage.read('client_received.txt')).toBe(CONTENT)
  expect(stage.files()).toEqual(['client_received.txt'])
})

test('a complete part of an earlier run is verified, and not received again', async () => {
  const stage = createStage()
  writeFileSync(join(stage.cwd, PART), CONTENT)
  let requests = 0
  const url = await startScript((_request, response, nth) => {
    requests = nth
    sendWhole(response, CONTENT)
  })
  expect(await stage.run(['get', 'file.txt', '--coordinator', url])).toMatchObject({ status: 0 })
  expect([requests, stage.read('client_received.txt')]).toEqual([1, CONTENT])
})

test.each([
  ['other bytes', '?'.repeat(HALF)],
  ['too many bytes', `${CONTENT}...`],
])(
  '%s in the part of an earlier run are discarded, and the file is received from the start',
  async (_what, left) => {
    const stage = createStage()
    writeFileSync(join(stage.cwd, PART), left)
    const url = await startScript(({ headers }, response) => {
      if (headers.range) sendRest(response, CONTENT, headers.range)
      else sendWhole(response, CONTENT)
    })
    expect(await stage.run(['get', 'file.txt', '--coordinator', url])).toMatchObject({ status: 0 })
    expect(stage.read('client_received.txt')).toBe(CONTENT)
    expect(stage.files()).toEqual(['client_received.txt'])
  },
)

test('a link in place of the part of an earlier run is not followed', async () => {
  const stage = createStage()
  const elsewhere = join(createStage().cwd, 'precious')
  writeFileSync(elsewhere, 'precious')
  symlinkSync(elsewhere, join(stage.cwd, PART))
  const url = await startScript((_request, response) => sendWhole(response, CONTENT))
  const { status, stderr } = await stage.run(['get', 'file.txt', '--coordinator', url])
  expect([status, readFileSync(elsewhere, 'utf8')]).toEqual([2, 'precious'])
  expect(stderr).toMatch(/^vouch: cannot write '.*client_received.txt': .*\n$/)
})

test('bytes that contradict their digest are requested once more, then refused, and nothing is left', async () => {
  const stage = createStage()
  writeFileSync(join(stage.cwd, 'client_received.txt'), 'before')
  let requests = 0
  const url = await startScript((_request, response, nth) => {
    requests = nth
    response.writeHead(200, toFields('true')).end('lies')
  })
  const { status, stderr } = await stage.run(['get', 'file.txt', '--coordinator', url])
  expect([status, requests]).toEqual([2, 2])
  expect(stderr).toBe(`vouch: ${CONTRADICTED}\n`)
  expect(stage.files()).toEqual(['client_received.txt'])
  expect(stage.read('client_received.txt')).toBe('before')
})

test('bytes that contradict their digest only once cause no error', async () => {
  const stage = createStage()
  const url = await startScript((_request, response, nth) => {
    response.writeHead(200, toFields('true')).end(nth === 1 ? 'lies' : 'true')
  })
  expect(await stage.run(['get', 'file.txt', '--coordinator', url])).toMatchObject({ status: 0 })
  expect(stage.read('client_received.txt')).toBe('true')
})

test('an empty file is written', async () => {
  const stage = createStage()
  const url = await startScript((_request, response) => sendWhole(response, ''))
  expect(await stage.run(['get', 'file', '--coordinator', url])).toMatchObject({ status: 0 })
  expect(stage.read('client_received')).toBe('')
})

test('standard output gets each byte once, across a cut', async () => {
  const stage = createStage()
  const stdout = createCollector()
  const url = await startScript(({ headers }, response, nth) => {
    if (nth === 1) sendCut(response, () => stdout.text().length)
    else sendRest(response, CONTENT, headers.range)
  })
  const { status } = await stage.run(['get', 'file.txt', '-o', '-', '--coordinator', url], { stdout })
  expect([status, stdout.text()]).toEqual([0, CONTENT])
  expect(stage.files()).toEqual([])
})

test.each([
  ['bytes that contradict their digest', 'lies', CONTRADICTED],
  ['a content that changes midway', 'tr', 'the file changed while it was received'],
])('%s: standard output ends with an error', async (_what, sent, why) => {
  const stage = createStage()
  const stdout = createCollector()
  const url = await startScript((_request, response, nth) => {
    if (nth > 1) return sendWhole(response, 'else')
    response.writeHead(200, toFields('true'))
    response.write(sent)
    const timer = setInterval(() => {
      if (stdout.text() !== sent) return
      clearInterval(timer)
      response.socket?.destroy()
    }, 2)
  })
  const { status, stderr } = await stage.run(['get', 'file.txt', '-o', '-', '--coordinator', url], { stdout })
  expect([status, stdout.text()]).toEqual([2, sent])
  expect(stderr).toBe(
    `vouch: ${why}: the bytes on standard output are not the file; discard them and run it again\n`,
  )
})

test('a transfer cut before its first byte is requested once more from the start', async () => {
  for (const output of ['-', 'file']) {
    const stage = createStage()
    const asked: unknown[] = []
    const url = await startScript(({ headers }, response, nth) => {
      asked.push(headers.range)
      if (nth > 1) return sendWhole(response, CONTENT)
      response.writeHead(200, toFields(CONTENT)).flushHeaders()
      response.socket?.destroySoon()
    })
    const { status } = await stage.run(['get', 'file.txt', '-o', output, '--coordinator', url])
    expect([status, asked]).toEqual([0, [undefined, undefined]])
  }
})

test('a reader of standard output that leaves ends get silently', async () => {
  const stage = createStage()
  const url = await startScript((_request, response) => sendWhole(response, CONTENT))
  const stdout = new Writable({
    write: (_chunk, _encoding, callback) =>
      callback(Object.assign(new Error('broken pipe'), { code: 'EPIPE' })),
  })
  stdout.on('error', () => {})
  const { status, stderr } = await stage.run(['get', 'file.txt', '-o', '-', '--coordinator', url], {
    stdout,
  })
  expect([status, stderr]).toEqual([141, ''])
})

test('an interrupted run keeps the received bytes for the next', async () => {
  const stage = createStage()
  const ending = new AbortController()
  const url = await startScript((_request, response) => {
    response.writeHead(200, toFields(CONTENT))
    response.write(CONTENT.slice(0, HALF))
    const timer = setInterval(() => {
      if (!stage.files().includes(PART) || stage.read(PART).length < HALF) return
      clearInterval(timer)
      ending.abort()
    }, 5)
  })
  const { status, stderr } = await stage.run(['get', 'file.txt', '--coordinator', url], {
    signal: ending.signal,
  })
  expect([status, stderr]).toEqual([130, ''])
  expect(stage.files()).toEqual([PART])
})
