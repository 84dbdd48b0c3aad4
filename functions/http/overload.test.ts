import { describe, expect, it } from 'vitest'
import { createAnswer, toParts } from './answer.ts'
import { createLimit } from './overload.ts'

/** Whether one more piece of work may run. */
async function hasRoom(limit: ReturnType<typeof createLimit>): Promise<boolean> {
  return (await limit.run(() => 'ran')) === 'ran'
}

describe('a limit', () => {
  it('rejects work beyond it as overloaded, and accepts it when other work has ended', async () => {
    const limit = createLimit(2, 'audits')
    const { promise: done, resolve } = Promise.withResolvers<void>()
    const running = [limit.run(() => done), limit.run(() => done)]
    const refused = await limit.run(() => 'ran')
    expect(refused).toMatchObject({ status: 503 })
    resolve()
    await Promise.all(running)
    expect(await hasRoom(limit)).toBe(true)
  })

  it.each([
    ['an Error', new Error('failed')],
    ['a string', 'failed'],
    ['nothing', undefined],
  ])('stops counting work that throws %s, immediately or later', async (_what, thrown) => {
    const limit = createLimit(1, 'audits')
    const throwing = () => {
      throw thrown
    }
    await expect(limit.run(throwing).catch((error) => ({ error }))).resolves.toEqual({ error: thrown })
    await expect(limit.run(async () => throwing()).catch((error) => ({ error }))).resolves.toEqual({
      error: thrown,
    })
    expect(await hasRoom(limit)).toBe(true)
  })

  it.each(['read to its end', 'failed', 'cancelled'] as const)(
    'counts an answer until its stream is %s, and cancels the source',
    async (end) => {
      const limit = createLimit(1, 'audits')
      const freed = Promise.withResolvers<void>()
      let pulls = 0
      const body = new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            if (pulls++ === 0) controller.enqueue(new Uint8Array(3))
            else if (end === 'failed') controller.error(new Error('it broke'))
            else controller.close()
          },
          cancel: () => freed.promise,
        },
        { highWaterMark: 0 },
      )
      const answer = await limit.run(() => createAnswer(200, { 'X-A': 'b' }, body))
      if (!(answer instanceof Response)) throw new Error('an answer comes back')
      expect(toParts(answer)).toMatchObject({ status: 200, fields: { 'X-A': 'b' } })
      const reader = answer.body?.getReader()
      expect((await reader?.read())?.value).toEqual(new Uint8Array(3))
      expect(await hasRoom(limit)).toBe(false)
      if (end === 'cancelled') {
        const cancelled = reader?.cancel()
        expect(await hasRoom(limit)).toBe(false)
        freed.resolve()
        await cancelled
      } else await reader?.read().catch(() => {})
      expect(await hasRoom(limit)).toBe(true)
    },
  )

  it('counts an answer once that is cancelled while its client waits for bytes', async () => {
    const limit = createLimit(1, 'audits')
    const freed = Promise.withResolvers<void>()
    const source = { pull: () => new Promise<void>(() => {}), cancel: () => freed.promise }
    const run = () => limit.run(() => createAnswer(200, {}, new ReadableStream<Uint8Array>(source)))
    const answer = await run()
    const reader = answer.body?.getReader()
    const reading = reader?.read()
    const cancelled = reader?.cancel()
    await reading
    expect(await hasRoom(limit)).toBe(false)
    freed.resolve()
    await cancelled
    expect([await run(), await run()].map(({ status }) => status)).toEqual([200, 503])
  })
})
