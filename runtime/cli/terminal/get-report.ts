import { toUnkeptWords, type Unkept } from '../../../functions/wire/attributes.ts'
import type { Manifest, ReplicaReport } from '../../../functions/wire/schemas/manifest.ts'
import type { Agreement } from '../../../functions/wire/schemas/values.ts'
import { formatSize } from '../../../functions/wire/text.ts'
import { type Io, say } from '../../hosting/io.ts'
import { toFailureText } from '../client/failure-words.ts'

export interface Written {
  /** As the user gave it; a relative path starts at the cwd. */
  readonly path: string
  readonly digest: string
  /** Bytes. */
  readonly size: number
  /** The ids of the replicas that hold this content. */
  readonly replicas: readonly string[]
}

/** The result of one `get`, which `--json` prints. */
export interface Report {
  readonly name: string
  /** Null when the answer names none. */
  readonly agreement: Agreement | null
  readonly replicas: readonly ReplicaReport[]
  readonly written: readonly Written[]
  /** The path of the list of the versions of a conflict. */
  readonly listedIn?: string
  /** The file that was there already, and is current. */
  readonly unchanged?: Written
}

/** Reports the file received, the replicas that hold the same content, and those that do not. */
export function sayReceived(io: Io, { name, agreement, replicas, written }: Report): void {
  const holders = replicas.filter(({ state }) => state === 'match').map(({ id }) => id)
  const [only, ...others] = replicas
  if (only !== undefined && others.length === 0) say(io, `${name}: from ${only.id}, compared with nothing`)
  else say(io, `${name}: ${agreement}: ${holders.join(', ')}`)
  sayOthers(io, name, replicas)
  for (const file of written) say(io, `wrote ${file.path} (${formatSize(file.size)})`)
}

/** Reports one of several files, unless it is the same everywhere. */
export function sayOutcome(
  io: Io,
  outcome: {
    readonly report: Report
    readonly manifest?: Manifest
    readonly problem?: { readonly line: string }
  },
): void {
  const { report, manifest, problem } = outcome
  if (problem) say(io, `error: ${problem.line}`)
  else if (manifest) sayConflict(io, manifest, report)
  else if (report.replicas.length > 1) sayOthers(io, report.name, report.replicas)
}

/** Warns about the replicas that do not hold the content received. */
function sayOthers(io: Io, name: string, replicas: readonly ReplicaReport[]): void {
  for (const report of replicas)
    if (report.state !== 'match') say(io, `warning: ${name}: ${toWarning(report)}`)
}

/** Reports a conflict, and where each version was written. */
export function sayConflict(io: Io, manifest: Manifest, { written, listedIn }: Report): void {
  const { name, versions, replicas } = manifest
  say(io, `${name}: conflict: ${versions.map((version) => version.replicas.join(' = ')).join(' ≠ ')}`)
  for (const report of replicas)
    if (report.state !== 'differ') say(io, `warning: ${name}: ${toWarning(report)}`)
  for (const { path, size, replicas } of written)
    say(io, `wrote ${path} (${formatSize(size)}), held by ${replicas.join(', ')}`)
  if (listedIn !== undefined) say(io, `wrote ${listedIn}, the list of these versions`)
  if (written.length === 0)
    say(
      io,
      'nothing of it was written to standard output, because the copies differ; vouch get NAME -o PATH writes each version to a file',
    )
}

/** Warns about attributes that the file could not keep of the one it replaced, or could not be given. */
export function sayUnkept(io: Io, path: string, unkept: readonly Unkept[]): void {
  if (unkept.length > 0) say(io, `warning: ${path}: ${toUnkeptWords(unkept)}`)
}

function toWarning(report: ReplicaReport): string {
  const { id, state } = report
  if (state === 'missing') return `missing on ${id}`
  if (state === 'differ') return `${id} holds another version`
  return `${id} ${toFailureText(report)}`
}
