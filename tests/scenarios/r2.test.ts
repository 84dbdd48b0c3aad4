import { createHash } from 'node:crypto'
import { type Emulator, startEmulator } from '../../emulator/emulator.ts'
import { describeScenarios } from './scenarios.suite.ts'
import { describeSockets } from './sockets.suite.ts'
import type { SocketWorld, Trees } from './world.suite.ts'

/**
 * The first bucket is bound to the coordinator, the others are behind Workers that are bound to it. The first
 * keeps no digests, so that some are the store's own and some are computed.
 */
async function start(trees: Trees): Promise<SocketWorld> {
  const ids = Object.keys(trees)
  const words = ids.map((id, i) => [id, `${i === 0 ? 'r2' : 'service'}://${id}`])
  const emulator = await startEmulator({ replicas: Object.fromEntries(words) })
  for (const [i, id] of ids.entries()) await fill(emulator, id, trees[id] ?? {}, i > 0)
  return {
    url: emulator.url,
    fetch: emulator.fetch,
    stop: (id) => emulator.setFault(id, { type: 'down' }),
    close: emulator.close,
  }
}

async function fill(emulator: Emulator, id: string, files: Trees[string], isStoring: boolean): Promise<void> {
  const bucket = await emulator.openBucket(id)
  for (const [name, content] of Object.entries(files)) {
    const sha256 = createHash('sha256').update(content).digest('hex')
    await bucket.put(name, content, isStoring ? { sha256 } : {})
  }
}

describeScenarios('in workerd, over buckets of R2', start)
describeSockets('in workerd, over buckets of R2', start)
