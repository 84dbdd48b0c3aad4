import { expect, it, onTestFinished, vi } from 'vitest'
import { createReplica } from '../../functions/replica/replica.ts'
import { createMemoryStorage } from '../../functions/storage/memory.ts'
import { startServer as startCommand } from '../../runtime/cli/process.suite.ts'
import { createStageWith, startServer } from '../../runtime/cli/stage.suite.ts'

const SIZE = 100_000

it('a coordinator knows after a restart which copies are corrupt, until they are written again', async () => {
  const honest = createMemoryStorage({ 'a.bin': 'x'.repeat(SIZE) })
  const rotten = createMemoryStorage({ 'a.bin': 'y'.repeat(SIZE) })
  let isRotten = true
  const opening = () => (isRotten ? rotten : honest)
  // It describes one content and sends another, as a disk does that rots.
  const replica = createReplica({
    ...honest,
    async open(name, options) {
      const [said, sent] = [await honest.open(name), await opening().open(name, { range: options?.range })]
      await said?.body.cancel()
      return said && sent && { facts: said.facts, body: sent.body }
    },
  })
  const [, b = ''] = await startServer((request) => replica.fetch(request))
  const { cwd } = createStageWith({})
  const start = async () => {
    const started = await startCommand(
      ['coordinator', '--replica', `b=${b}`, '--single', '--index', 'index'],
      cwd,
    )
    onTestFinished(() => started.stop())
    return started
  }
  const count = async (url: string) => (await (await fetch(`${url}/replicas`)).json()).replicas[0].corrupt

  const first = await start()
  await expect(fetch(`${first.url}/files/a.bin`).then((response) => response.arrayBuffer())).rejects.toThrow()
  await expect.poll(() => count(first.url)).toBe(1)
  await first.stop()

  const second = await start()
  expect(await count(second.url)).toBe(1)
  expect((await fetch(`${second.url}/files/a.bin`)).status).toBe(503)
  isRotten = false
  // A copy that is written again within one second shows no other time.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2000 })
  onTestFinished(() => void vi.useRealTimers())
  honest.set('a.bin', 'x'.repeat(SIZE))
  await expect.poll(async () => (await fetch(`${second.url}/files/a.bin`)).status).toBe(200)
  await expect.poll(() => count(second.url)).toBe(0)
  await second.stop()

  const third = await start()
  expect(await count(third.url)).toBe(0)
})
