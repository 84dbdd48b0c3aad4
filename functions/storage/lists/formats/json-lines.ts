import * as v from 'valibot'
import { attempt } from '../../../wire/attempt.ts'
import { isDigest } from '../../../wire/digest.ts'
import { parseTimestamp } from '../../../wire/fields/dates.ts'
import { parseJson } from '../../../wire/json/parse.ts'
import { ITEMS_IN_A_TURN, MAX_STEP_LENGTH } from '../../../wire/limits.ts'
import type { PassedKind } from '../../../wire/passed.ts'
import { type AuditSummary, auditSummary } from '../../../wire/schemas/audit.ts'
import { manifest } from '../../../wire/schemas/manifest.ts'
import { size } from '../../../wire/schemas/values.ts'
import { type ListText, quote, takeLines } from '../list-text.ts'
import type { Reading } from '../reading.ts'

/** `vouch`: `vouch check --json --all`. `borg-json`: `borg list --json-lines --format '{sha256}'`. */
export type JsonFormat = 'vouch' | 'borg-json'

const summaryLine = v.object({ summary: auditSummary })
const renamedLine = v.object({ renamed: v.object({ from: v.string() }) })
const vouchLine = v.union([manifest, summaryLine, renamedLine])

const borgLine = v.object({
  type: v.string(),
  path: v.string(),
  sha256: v.optional(v.string()),
  /** False for a file of which the repository has lost a part. */
  healthy: v.optional(v.boolean()),
  size: v.optional(size),
  mtime: v.optional(v.string()),
})

/** The format of a list whose lines are objects in JSON, by their members; null for another. */
export async function findJsonFormat(text: ListText): Promise<JsonFormat | null> {
  if (!text.bytes.includes(BRACE)) return null
  let [vouch, borg] = [0, 0]
  await takeLines(text, (start, end) => {
    if (text.bytes[start] !== BRACE) return
    const head = decoder.decode(text.bytes.subarray(start, Math.min(end, start + MAX_HEAD_LENGTH)))
    if (/"(?:agreement|summary)":/.test(head)) vouch++
    else if (/"path": ?"/.test(head)) borg++
  })
  if (vouch === 0 && borg === 0) return null
  return vouch >= borg ? 'vouch' : 'borg-json'
}

const BRACE = 0x7b

/** Bytes of a line in which its members are looked for, of which the longest name may come first. */
const MAX_HEAD_LENGTH = 8192

const decoder = new TextDecoder()

/** What the readers below share: each line is parsed by `schema`. */
async function takeJson<T extends v.GenericSchema>(
  { text, fault }: Reading,
  schema: T,
  take: (value: v.InferOutput<T>, line: number) => void,
): Promise<void> {
  const takeLine = (start: number, end: number, line: number) => {
    const bytes = text.bytes.subarray(start, end)
    if (bytes.length > MAX_STEP_LENGTH) return fault(line, 'is longer than any that is written')
    const json = attempt(() => strict.decode(bytes))
    if (json === null) return fault(line, `is not UTF-8: ${quote(bytes)}`)
    const read = parseJson(schema, json)
    if (read.success) take(read.output, line)
    else fault(line, `is ${quote(bytes)}; ${read.wrong}`)
  }
  await takeLines(text, takeLine, ITEMS_IN_A_TURN)
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()
const NO_SUM = { hexAt: -1, hex: new Uint8Array() }

function toSum(hex: string) {
  return { hexAt: 0, hex: encoder.encode(hex) }
}

/**
 * Reads what `vouch check --json --all` printed: of each name the content that its replicas agreed on. A name
 * on which they did not agree has none. Whether every name was printed is known by the counts of the last
 * line.
 */
export async function readVouchLines(reading: Reading): Promise<void> {
  let [names, isWhole] = [0, false]
  await takeJson(reading, vouchLine, (value, line) => {
    if ('renamed' in value) return
    if ('summary' in value) {
      const { summary } = value
      isWhole = true
      if (summary.names !== names)
        reading.fault(
          line,
          `counts ${summary.names} names, and the list has ${names}; it would have to be of 'check --all'`,
        )
      for (const words of findGaps(summary)) reading.fault(line, words)
      return
    }
    names++
    const name = encoder.encode(value.name)
    const [first, ...others] = value.versions
    const isSha256 = first !== undefined && !first.digest.includes(':')
    const isKnown =
      others.length === 0 &&
      isSha256 &&
      value.replicas.every(({ state }) => state === 'match' || state === 'missing')
    if (value.agreement === 'absent') return
    reading.add({
      ...{ line, name, start: 0, end: name.length },
      ...(isKnown ? toSum(first.digest) : NO_SUM),
      size: first?.size ?? null,
      modified: parseTimestamp(first?.modified ?? null),
    })
  })
  if (!isWhole) reading.fault(0, 'has no summary at its end, so that it may be cut off')
}

/** Why a check may not have seen a name that was there, each as the end of a sentence about its summary. */
function findGaps({ next, uncompared = 0, exclude = [], scope, replicas }: AuditSummary): string[] {
  const failed = replicas.filter(({ state }) => state !== 'ok')
  return [
    ...(next === undefined ? [] : ['is of an audit that ended before the last name']),
    ...(uncompared > 0 ? [`counts ${uncompared} entries that could not be compared`] : []),
    ...(exclude.length > 0 ? [`is of an audit without the names that ${quoteText(exclude)} match`] : []),
    ...(scope === undefined ? [] : [`is of an audit of some names only: ${toScopeWords(scope)}`]),
    ...failed.map(({ id }) => `is of an audit that left out the replica ${quoteText([id])}`),
  ]
}

/** `prefix 'photos/', exclude '*.tmp'`. */
function toScopeWords({
  prefix,
  after,
  until = '',
  match,
  exclude,
}: NonNullable<AuditSummary['scope']>): string {
  const members = { prefix: [prefix], after: [after], until: [until], match, exclude }
  const narrow = Object.entries(members).filter(([, values]) => values.join('') !== '')
  return narrow.map(([key, values]) => `${key} ${quoteText(values)}`).join(', ')
}

function quoteText(values: readonly string[]): string {
  return quote(encoder.encode(values.join(' ')))
}

/** The kinds of what is no file, by the letters of borg; a directory is not counted. */
const KINDS: ReadonlyMap<string, PassedKind | null> = new Map([
  ['d', null],
  ['l', 'link'],
  ['p', 'fifo'],
  ['s', 'socket'],
  ['c', 'device'],
  ['b', 'device'],
])

/** Reads what `borg list --json-lines` printed; of a name that is not UTF-8 borg writes `?`. */
export async function readBorgLines(reading: Reading): Promise<void> {
  await takeJson(reading, borgLine, (value, line) => {
    const { type, path, sha256 = '', mtime, healthy = true } = value
    const kind = KINDS.get(type)
    if (kind === null) return
    if (kind !== undefined) return reading.pass({ kind, name: path })
    if (path.includes('?') || path.includes('\ufffd'))
      return reading.fault(
        line,
        `has in ${quote(encoder.encode(path))} a character that borg writes for bytes that are not UTF-8`,
      )
    const name = encoder.encode(path)
    const modified = Date.parse(mtime ?? '')
    reading.add({
      ...{ line, name, start: 0, end: name.length },
      ...(healthy && isDigest(sha256) ? toSum(sha256) : NO_SUM),
      size: value.size ?? null,
      modified: Number.isNaN(modified) ? null : modified,
    })
  })
}
