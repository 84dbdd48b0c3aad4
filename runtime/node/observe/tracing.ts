import { AsyncLocalStorage } from 'node:async_hooks'
import type { Context, ContextManager } from '@opentelemetry/api'
import type { MiddlewareHandler } from 'hono'
import { toParts } from '../../../functions/http/answer.ts'
import type { AppEnv } from '../../../functions/http/app.ts'
import { withTimeout } from '../../../functions/wire/limit.ts'
import { LAST_SPANS_MS } from '../limits.ts'
import { UserError } from '../user-error.ts'

/** Sends spans of requests to a collector. The caller that opened it closes it. */
export interface Tracing {
  /** Makes a span of each request, in the trace that it names; the replicas' spans are its children. */
  readonly around: MiddlewareHandler<AppEnv>
  /** Sends the last spans, for `LAST_SPANS_MS` at most. */
  close(): Promise<void>
}

/** The packages of tracing, which are optional and loaded only for it. */
const PACKAGES = [
  '@hono/otel',
  '@opentelemetry/api',
  '@opentelemetry/core',
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace-base',
] as const

/**
 * Opens tracing over OTLP/HTTP to the collector of `OTEL_EXPORTER_OTLP_ENDPOINT` or
 * `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`; null without either. It reads the exporter's other variables too, and
 * `OTEL_SERVICE_NAME`, else uses `service`. Once a process: it sets OpenTelemetry's globals. Rejects with a
 * UserError when a package is missing. `onNotice` is called with a line when spans cannot be sent.
 */
export async function openTracing(
  env: Readonly<Record<string, string | undefined>>,
  service: string,
  onNotice: (line: string) => void,
): Promise<Tracing | null> {
  if (!env['OTEL_EXPORTER_OTLP_ENDPOINT'] && !env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']) return null
  const { api, core, exporter, otel, resources, sdk } = await load()
  const { context, diag, propagation, trace } = api
  const report = (message: string) => onNotice(`spans: ${message}`)
  const silent = () => {}
  const logger = { error: report, warn: report, info: silent, debug: silent, verbose: silent }
  diag.setLogger(logger, api.DiagLogLevel.WARN)
  const provider = new sdk.BasicTracerProvider({
    resource: resources.resourceFromAttributes({ 'service.name': env['OTEL_SERVICE_NAME'] || service }),
    spanProcessors: [new sdk.BatchSpanProcessor(new exporter.OTLPTraceExporter())],
  })
  propagation.setGlobalPropagator(new core.W3CTraceContextPropagator())
  context.setGlobalContextManager(createContextManager(api.ROOT_CONTEXT))
  const instrument = otel.httpInstrumentationMiddleware({
    tracerProvider: provider,
    captureActiveRequests: false,
  })
  const around: MiddlewareHandler<AppEnv> = (c, next) =>
    instrument(c, async () => {
      const span = trace.getActiveSpan()
      const ids = span?.spanContext()
      if (ids !== undefined) c.set('trace', `${ids.traceId}-${ids.spanId}`)
      await next()
      const agreement = toParts(c.res)?.fields['Replica-Agreement']?.split(';')[0]
      if (agreement !== undefined) span?.setAttribute('vouch.agreement', agreement)
    })
  return { around, close: async () => void (await withTimeout(LAST_SPANS_MS, provider.shutdown())) }
}

async function load() {
  try {
    const [otel, api, core, exporter, resources, sdk] = await Promise.all([
      import('@hono/otel'),
      import('@opentelemetry/api'),
      import('@opentelemetry/core'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/sdk-trace-base'),
    ])
    return { otel, api, core, exporter, resources, sdk }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error
    throw new UserError(`OTEL_EXPORTER_OTLP_ENDPOINT needs more packages: npm install ${PACKAGES.join(' ')}`)
  }
}

/** Tracks the current span through awaits, which OpenTelemetry leaves to the host. */
function createContextManager(root: Context): ContextManager {
  const storage = new AsyncLocalStorage<Context>()
  const manager: ContextManager = {
    active: () => storage.getStore() ?? root,
    with: (context, work, self, ...args) => storage.run(context, () => work.apply(self, args)),
    bind: (_context, target) => target,
    enable: () => manager,
    disable: () => manager,
  }
  return manager
}
