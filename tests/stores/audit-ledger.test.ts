import { randomUUID } from 'node:crypto'
import { Miniflare } from 'miniflare'
import { afterAll, beforeAll, vi } from 'vitest'
import { bundle } from '../../emulator/bundle.ts'
import { toWorker } from '../../emulator/replicas.ts'
import { RUNTIME } from '../../emulator/runtime-output.ts'
import { describeLedger } from '../../functions/coordinator/ledger/ledger.suite.ts'
import { describeStepLedger } from '../../functions/coordinator/steps/steps.suite.ts'
import { createRemoteLedger, type WholeLedger } from '../../runtime/workers/audit/remote-ledger.ts'

// So small that a few dozen names are several spans.
vi.mock('../../functions/wire/limits.ts', async (load) => ({
  ...(await load<typeof import('../../functions/wire/limits.ts')>()),
  SPAN_GRAINS: [3, 2, 1],
  MAX_SURVEY_RANGES: 2,
  MAX_SPAN_NAMES: 6,
}))

/** Calls the ledger of a Durable Object for whoever asks. */
const CALLER = `export * from './audit.mjs'
export default {
  async fetch(request, { LEDGER }) {
    const { name, method, given } = await request.json()
    try {
      return Response.json({ result: await LEDGER.getByName(name).call(method, given) })
    } catch (error) {
      return Response.json({ error: error.message })
    }
  },
}`

let miniflare: Miniflare
let url: string
beforeAll(async () => {
  const script = await bundle('runtime/workers/audit/audit.ts')
  const worker = toWorker('caller', CALLER)
  const audit = { type: 'ESModule' as const, path: 'audit.mjs', contents: script }
  miniflare = new Miniflare({
    ...RUNTIME,
    workers: [
      {
        ...{ ...worker, modules: [...worker.modules, audit] },
        durableObjects: { LEDGER: { className: 'AuditLedger', useSQLite: true } },
        workflows: { AUDITS: { name: 'vouch-audit', className: 'AuditPart' } },
      },
    ],
  })
  url = (await miniflare.ready).href
})
afterAll(() => miniflare.dispose())

function open(): WholeLedger {
  const name = randomUUID()
  return createRemoteLedger({
    async call(method, given) {
      const response = await fetch(url, { method: 'POST', body: JSON.stringify({ name, method, given }) })
      const { result, error } = JSON.parse(await response.text())
      if (error !== undefined) throw new Error(error)
      return result
    },
  })
}

describeLedger('a ledger in a Durable Object', open)
describeStepLedger('runs in steps, in a Durable Object', open, 5)
