import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { finish, type ServerProcess, startServer, startVouch } from '../../runtime/cli/process.suite.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'

// Real servers, and a collector of OpenTelemetry that is a small HTTP server.

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'
const LARGE = 3_000_000

/** A span as OTLP has it in JSON, reduced to the checked members. */
interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[]
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Span['attributes'] }
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[]
  }[]
}

const spans: { readonly service: unknown; readonly path: string | undefined; readonly span: Span }[] = []
const { path: directory, remove } = createTemporaryDirectory('vouch-tracing-')
let collector: Server
let replica: ServerProcess
let coordinator: ServerProcess

beforeAll(async () => {
  collector = createServer(async (request, response) => {
    const { resourceSpans } = (await json(request)) as Export // what the protocol says of /v1/traces
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = resource.attributes.find(({ key }) => key === 'service.name')?.value['stringValue']
      for (const span of scopeSpans.flatMap(({ spans }) => spans))
        spans.push({ service, path: request.url, span })
    }
    response.setHeader('Content-Type', 'application/json').end('{}')
  })
  collector.listen(0, '127.0.0.1')
  await once(collector, 'listening')
  // It listens on TCP.
  const { port } = collector.address() as AddressInfo
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://127.0.0.1:${port}`)
  for (const id of ['near', 'far']) {
    mkdirSync(join(directory, id))
    writeFileSync(join(directory, id, 'large'), 'a'.repeat(LARGE))
  }
  replica = await startServer(['replica', 'far', '--log', 'json'], directory)
  const words = ['--replica', 'near=near', '--replica', `far=${replica.url}`]
  coordinator = await startServer(['coordinator', ...words, '--log', 'json'], directory)
})

afterEach(() => void vi.unstubAllEnvs())

afterAll(async () => {
  await coordinator.stop()
  await replica.stop()
  collector.close()
  remove()
})

/** The value of a span's attribute. */
const get = ({ attributes }: Span, key: string) =>
  Object.values(attributes.find((one) => one.key === key)?.value ?? {})[0]

it('a read makes a span in its trace, with the spans of the replica servers as children', async () => {
  const headers = { traceparent: `00-${TRACE}-${PARENT}-01` }
  const response = await fetch(`${coordinator.url}/files/large`, { headers })
  expect(await response.text()).toBe('a'.repeat(LARGE))
  expect(await coordinator.readEntry()).toMatchObject({
    path: '/files/large',
    trace: TRACE,
  })
  // The requests of the coordinator at its start came before.
  for (let entry = await replica.readEntry(); entry['trace'] !== TRACE; entry = await replica.readEntry()) {
    expect(['/readyz', '/describe']).toContain(entry['path'])
  }
  for (const { child } of [coordinator, replica]) {
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    // Waiting spans are exported at the end.
    expect(await ended).toEqual([0, null])
  }

  const read = spans.find(({ service }) => service === 'vouch-coordinator')
  expect(read).toMatchObject({ path: '/v1/traces', span: { traceId: TRACE, parentSpanId: PARENT } })
  expect(read?.span.name).toBe('GET /files/*')
  expect(read && get(read.span, 'vouch.agreement')).toBe('unanimous')
  expect(read && get(read.span, 'http.response.status_code')).toBe(200)
  // A coordinator also asks when it starts, in traces of their own.
  const asked = spans.filter(({ service, span }) => service === 'vouch-replica' && span.traceId === TRACE)
  expect(asked.length).toBeGreaterThan(0)
  for (const { span } of asked) {
    expect([span.traceId, span.parentSpanId]).toEqual([TRACE, read?.span.spanId])
  }
})

it('a server without the packages for tracing prints which to install', async () => {
  vi.stubEnv('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'http://127.0.0.1:9/v1/traces')
  const hook = `import { registerHooks } from 'node:module'
    registerHooks({ resolve(specifier, context, next) {
      if (!/hono.otel|opentelemetry.(core|sdk|exporter|resources)/.test(specifier)) return next(specifier, context)
      throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
    } })`
  vi.stubEnv('NODE_OPTIONS', `--import=data:text/javascript,${encodeURIComponent(hook)}`)
  const { status, said } = await finish(startVouch(['replica', 'far', '--port', '0'], directory))
  expect({ status, said }).toEqual({
    status: 2,
    said: [
      '',
      'vouch: OTEL_EXPORTER_OTLP_ENDPOINT needs more packages: npm install @hono/otel @opentelemetry/api @opentelemetry/core @opentelemetry/exporter-trace-otlp-http @opentelemetry/resources @opentelemetry/sdk-trace-base\n',
    ],
  })
})

it('a server whose collector is down keeps serving, reports that, and ends', async () => {
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://127.0.0.1:9')
  vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '300')
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '10')
  const server = await startServer(['replica', 'far'], directory)
  let said = ''
  server.child.stderr?.on('data', (data) => (said += data))
  expect((await fetch(`${server.url}/files/large`)).status).toBe(200)
  await expect.poll(() => said, { timeout: 20_000 }).toMatch(/Z spans: ./m)
  const ended = once(server.child, 'exit')
  server.child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
})
