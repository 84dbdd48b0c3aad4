import type { Reply } from '../../../functions/storage/remote/replies.ts'
import { type AuditSummary, auditLine, type Manifest } from '../../../functions/wire/schemas.ts'
import type { Io } from '../../hosting/io.ts'
import { toFilters } from '../check/summary.ts'
import { createAuditMeter } from '../terminal/progress.ts'
import { Broken } from './coordinator-client.ts'
import { readNdjson } from './ndjson.ts'
import { toMaxAgeQuery } from './source.ts'

/** What an audit compares, and whether it reports every name. */
interface AuditQuery {
  readonly all: boolean
  readonly match: readonly string[]
  readonly exclude: readonly string[]
  /** Seconds. */
  readonly maxAge?: number | undefined
  readonly deep?: boolean
  readonly after?: string | undefined
  readonly until?: string | undefined
}

/** The query of `GET /audit`; `excluded` are the globs that settings exclude. */
export function toAuditQuery(
  options: AuditQuery,
  prefix: string,
  excluded: readonly string[],
): URLSearchParams {
  const query = new URLSearchParams({ ...(prefix !== '' && { prefix }), ...toMaxAgeQuery(options) })
  const { after, until } = options
  if (after !== undefined) query.set('after', after)
  if (until !== undefined) query.set('until', until)
  if (options.all) query.set('all', 'true')
  for (const [flag, glob] of toFilters(options)) query.append(flag, glob)
  for (const glob of excluded) query.append('exclude', glob)
  return query
}

/**
 * Passes the names of an audit to `onNames`, in batches as they arrive, and draws its progress; calls
 * `onReported` when all names up to one have been reported. Resolves with the summary; throws `Broken` when
 * the audit does not come to its end.
 */
export async function readAudit(
  response: Reply,
  io: Io,
  onNames: (manifests: readonly Manifest[]) => Promise<void>,
  onReported: (name: string) => void = () => {},
): Promise<AuditSummary> {
  const meter = createAuditMeter(io.stderr)
  let summary: AuditSummary | undefined
  try {
    for await (const lines of readNdjson(response, auditLine)) {
      const manifests: Manifest[] = []
      for (const line of lines) {
        const reported = 'name' in line ? line.name : 'progress' in line ? line.progress.after : undefined
        if (reported !== undefined) onReported(reported)
        if ('progress' in line) meter.update(line.progress.replicas)
        else meter.clear()
        if ('name' in line) manifests.push(line)
        if ('summary' in line) summary = line.summary
      }
      if (manifests.length > 0) await onNames(manifests)
    }
  } finally {
    meter.clear()
  }
  if (summary === undefined) throw new Broken('the audit broke off before its end; run it again')
  return summary
}
