import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { finish, startVouch } from '../process.suite.ts'
import { createStageWith } from '../stage.suite.ts'
import { LightStream } from './light-globals.ts'

test("a module of the user's has the globals of Node", async () => {
  const { cwd } = createStageWith({ 'a/f': '1' })
  const sum = '6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b'
  const lines = [
    'async function readFacts() {',
    '  performance.mark("asked")',
    '  const { byteLength: size } = await new Response("1").arrayBuffer()',
    `  return { size, digest: '${sum}', modified: null, evidence: 'read', age: 0 }`,
    '}',
    'export default () => ({',
    '  describe: (names) => names.map(readFacts),',
    '  open: async () => null,',
    '  list: async () => ({ entries: [], next: null }),',
    '})',
  ]
  writeFileSync(join(cwd, 'store.mjs'), lines.join('\n'))
  const args = ['get', 'f', '--replica', 'a=a', '--replica', 'b=module:./store.mjs', '-o', '-']
  const { status, said } = await finish(startVouch(args, cwd))
  expect({ status, said }).toEqual({ status: 0, said: ['1', expect.any(String)] })
})

describe.each([
  [
    "Node's",
    (source: UnderlyingDefaultSource<Uint8Array>) => new ReadableStream(source, { highWaterMark: 0 }),
  ],
  ['a light', (source: UnderlyingDefaultSource<Uint8Array>) => new LightStream(source)],
])('%s stream', (_, createStream) => {
  const chunks = [1, 2].map((byte) => new Uint8Array([byte]))

  it('asks its source for each chunk when that is read, and ends once', async () => {
    const left = [...chunks]
    let pulls = 0
    const stream = createStream({
      async pull(controller) {
        pulls++
        const chunk = left.shift()
        if (chunk === undefined) controller.close()
        else controller.enqueue(chunk)
      },
    })
    expect(pulls).toBe(0)
    const reader = stream.getReader()
    for (const value of chunks) expect(await reader.read()).toEqual({ done: false, value })
    for (const _ of chunks) expect(await reader.read()).toEqual({ done: true, value: undefined })
    expect(pulls).toBe(3)
  })

  it('fails each read with the error of its source', async () => {
    const reader = createStream({
      async pull() {
        throw new Error('broken')
      },
    }).getReader()
    for (const _ of chunks) await expect(reader.read()).rejects.toThrow('broken')
  })

  it('fails a read under way with an error from elsewhere', async () => {
    let fail = (_error: Error) => {}
    const reader = createStream({
      start(controller) {
        fail = (error) => controller.error(error)
      },
      pull: () => new Promise(() => {}),
    }).getReader()
    const reading = reader.read()
    fail(new Error('aborted'))
    await expect(reading).rejects.toThrow('aborted')
    await expect(reader.read()).rejects.toThrow('aborted')
  })

  it('ends a read under way when it is cancelled, which its source hears once, and drops what comes later', async () => {
    const reasons: unknown[] = []
    const { promise: arrival, resolve: arrive } = Promise.withResolvers<void>()
    const [begun, pulled] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const reader = createStream({
      async pull(controller) {
        begun.resolve()
        await arrival
        try {
          controller.enqueue(new Uint8Array([1]))
        } catch {
          // Node's refuses it.
        }
        pulled.resolve()
      },
      cancel: (reason) => void reasons.push(reason),
    }).getReader()
    const reading = reader.read()
    await begun.promise
    await reader.cancel('enough')
    await reader.cancel('again')
    expect(await reading).toEqual({ done: true, value: undefined })
    arrive()
    await pulled.promise
    expect(await reader.read()).toEqual({ done: true, value: undefined })
    expect(reasons).toEqual(['enough'])
  })
})
