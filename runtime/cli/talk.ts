import { toUnkeptWords, type Unkept } from '../../functions/wire/attributes.ts'
import type { Agreement, Manifest, ReplicaReport } from '../../functions/wire/schemas.ts'
import { toFailureText } from './failure-words.ts'
import { type Io, say, toJsonLine, writeOut } from './io.ts'
import { toSize } from './progress.ts'

/** A file that was written. */
export interface Written {
  /** As people wrote it; relative paths start at the cwd. */
  readonly path: string
  readonly digest: string
  /** Bytes. */
  readonly size: number
  /** The ids of who holds this content. */
  readonly replicas: readonly string[]
}

/** What one `get` came to: what `--json` prints. */
export interface Report {
  readonly name: string
  /** Null when the answer names none. */
  readonly agreement: Agreement | null
  readonly replicas: readonly ReplicaReport[]
  readonly written: readonly Written[]
}

/** Says that the file came, who vouches for it, and who does not. */
export function sayReceived(io: Io, { name, agreement, replicas, written }: Report): void {
  const holders = replicas.filter(({ state }) => state === 'match').map(({ id }) => id)
  const [only, ...others] = replicas
  if (only !== undefined && others.length === 0) say(io, `${name}: from ${only.id}, compared with nothing`)
  else say(io, `${name}: ${agreement}: ${holders.join(', ')}`)
  for (const report of replicas)
    if (report.state !== 'match') say(io, `warning: ${name}: ${toWarning(report)}`)
  for (const file of written) say(io, `wrote ${file.path} (${toSize(file.size)})`)
}

/** Says that the copies differ, and which version is where. */
export function sayConflict(io: Io, manifest: Manifest, written: readonly Written[]): void {
  const { name, versions, replicas } = manifest
  say(io, `${name}: conflict: ${versions.map((version) => version.replicas.join(' = ')).join(' ≠ ')}`)
  for (const report of replicas)
    if (report.state !== 'differ') say(io, `warning: ${name}: ${toWarning(report)}`)
  for (const { path, size, replicas } of written)
    say(io, `wrote ${path} (${toSize(size)}), held by ${replicas.join(', ')}`)
  if (written.length === 0)
    say(io, 'nothing was written to standard output: there is no one content to write')
}

/** Warns of what a written file could not keep of the one that it replaced, or take; says nothing if that is nothing. */
export function sayUnkept(io: Io, path: string, unkept: readonly Unkept[]): void {
  if (unkept.length > 0) say(io, `warning: ${path}: ${toUnkeptWords(unkept)}`)
}

/** Prints the report for programs. */
export async function printReport(io: Io, report: Report): Promise<void> {
  await writeOut(io, toJsonLine(report))
}

function toWarning(report: ReplicaReport): string {
  const { id, state } = report
  if (state === 'missing') return `${id} lacks it`
  if (state === 'differ') return `${id} holds another version`
  return `${id} ${toFailureText(report)}`
}
