import { AsyncLocalStorage } from 'node:async_hooks'
import type { Context, ContextManager } from '@opentelemetry/api'
import type { MiddlewareHandler } from 'hono'
import { toParts } from '../../functions/wire/answer.ts'
import type { AppEnv } from '../../functions/wire/app.ts'
import { within } from '../../functions/wire/within.ts'
import { LAST_SPANS_MS } from './limits.ts'
import { Refusal } from './refusal.ts'

/** Spans of requests, on their way to a collector. Who opened it closes it. */
export interface Tracing {
  /** Makes a span of each request, in the trace that it names, and of which the replicas' spans are children. */
  readonly around: MiddlewareHandler<AppEnv>
  /** Hands over the spans that are left, and gives up after a while. */
  close(): Promise<void>
}

/** What tracing is made with: loaded when it is asked for, and not among what every installation brings. */
const PACKAGES = [
  '@hono/otel',
  '@opentelemetry/api',
  '@opentelemetry/core',
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace-base',
] as const

/**
 * Tracing to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` names, over
 * OTLP/HTTP; null without either. The other variables of OpenTelemetry's exporter count as well, and
 * `OTEL_SERVICE_NAME`, else `service`. Once a process: it sets OpenTelemetry's globals. Rejects with a Refusal when a
 * package is missing. `onNotice` is told in one line when spans cannot be handed over.
 */
export async function openTracing(
  env: Readonly<Record<string, string | undefined>>,
  service: string,
  onNotice: (line: string) => void,
): Promise<Tracing | null> {
  if (!env['OTEL_EXPORTER_OTLP_ENDPOINT'] && !env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']) return null
  const { api, core, exporter, otel, resources, sdk } = await load()
  const { context, diag, propagation, trace } = api
  const tell = (message: string) => onNotice(`spans: ${message}`)
  const silent = () => {}
  const logger = { error: tell, warn: tell, info: silent, debug: silent, verbose: silent }
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
  return { around, close: async () => void (await within(LAST_SPANS_MS, provider.shutdown())) }
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
    throw new Refusal(
      `OTEL_EXPORTER_OTLP_ENDPOINT takes packages beside vouch: npm install ${PACKAGES.join(' ')}`,
    )
  }
}

/** Which span is under way, through awaits: what OpenTelemetry leaves to the host. */
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
