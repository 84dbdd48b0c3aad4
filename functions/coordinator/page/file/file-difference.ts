import { structuredPatch } from 'diff'
import { type Chunks, fromBytes, readAll, toChunks, toStream } from '../../../bytes/chunks.ts'
import { type Difference, findDifference, toText } from '../../../bytes/difference.ts'
import { toBodyChunks } from '../../../http/answer.ts'
import { withTimeout } from '../../../wire/limit.ts'
import {
  MAX_PAGE_DIFF_LINES,
  MAX_PAGE_READ_BYTES,
  MAX_PAGE_TEXT_BYTES,
  PAGE_DIFF_MS,
  PAGE_WAIT_MS,
} from '../../../wire/limits.ts'
import { StorageError } from '../../../wire/storage-error.ts'
import { isSendable, type SentVersion, type Version } from '../../compare/compare.ts'
import type { ReadRequest } from '../../context.ts'
import { openVersion } from '../../read/open-version.ts'

/** How two versions differ, as far as a page reads them. */
export type Shown =
  | { readonly kind: 'lines'; readonly parts: readonly (readonly DiffRow[])[] }
  | ({ readonly kind: 'bytes' } & Difference)
  /** The bytes up to here are alike; the rest was not read. */
  | { readonly kind: 'beyond'; readonly offset: number }
  /** Why it is not known. */
  | { readonly kind: 'error'; readonly detail: string }

/** Compares small texts by line, others up to the first difference. Never rejects with a replica's error. */
export async function showDifference(read: ReadRequest, a: Version, b: Version): Promise<Shown> {
  const abort = new AbortController()
  const open: Open = async (version) =>
    toChunks(toStream(toBodyChunks(await openVersion(read, version)), abort.signal))
  if (!isSendable(a) || !isSendable(b)) return toError('only a list knows one of them, which has no bytes')
  try {
    const isSmall = Math.max(a.size, b.size) <= MAX_PAGE_TEXT_BYTES
    const work = isSmall ? showSmall(open, a, b) : showLarge(open, a, b)
    const shown = await withTimeout(PAGE_WAIT_MS, work)
    return shown ?? toError('reading the versions takes longer than a page may')
  } catch (error) {
    if (error instanceof StorageError) return toError(error.message)
    throw error
  } finally {
    // Ends reads whose result is not needed any more.
    abort.abort()
  }
}

/** Opens a version, which is cancelled when the page is complete. */
type Open = (version: SentVersion) => Promise<Chunks>

function toError(detail: string): Shown {
  return { kind: 'error', detail }
}

async function showSmall(open: Open, a: SentVersion, b: SentVersion): Promise<Shown> {
  const [x, y] = await Promise.all([open(a).then(readAll), open(b).then(readAll)])
  const [from, to] = [toText(x), toText(y)]
  const parts = from === null || to === null ? null : diffRows(from, to)
  if (parts !== null) return { kind: 'lines', parts }
  return toShown(await findDifference(fromBytes(x), fromBytes(y)))
}

async function showLarge(open: Open, a: SentVersion, b: SentVersion): Promise<Shown> {
  return toShown(await findDifference(begin(await open(a)), begin(await open(b))))
}

function toShown(difference: Difference | null): Shown {
  return difference === null
    ? { kind: 'beyond', offset: MAX_PAGE_READ_BYTES }
    : { kind: 'bytes', ...difference }
}

/** The first `MAX_PAGE_READ_BYTES`: of two that are cut so, one that ends before the other is shorter. */
function begin(chunks: Chunks): Chunks {
  let left = MAX_PAGE_READ_BYTES
  return {
    async next() {
      const { done, value } = left > 0 ? await chunks.next() : ({ done: true, value: undefined } as const)
      if (done) return { done, value: undefined }
      const some = value.subarray(0, left)
      left -= some.length
      return { done: false, value: some }
    },
    cancel: (reason) => chunks.cancel(reason),
  }
}

/** One line of one text. */
export interface Line {
  /** From 1. */
  readonly number: number
  readonly text: string
  /** Whether it is the last line of the text and has no line end. */
  readonly isOpen: boolean
}

/** A row of two texts side by side: a line of both, one in place of another, or a line of one text. */
export interface DiffRow {
  readonly kind: 'same' | 'changed'
  readonly from: Line | null
  readonly to: Line | null
}

/** The hunks of a diff, three lines around each; null beyond `MAX_PAGE_DIFF_LINES` or `PAGE_DIFF_MS`. */
export function diffRows(from: string, to: string): DiffRow[][] | null {
  const options = { context: 3, maxEditLength: MAX_PAGE_DIFF_LINES, timeout: PAGE_DIFF_MS }
  const patch = structuredPatch('', '', from, to, '', '', options)
  return patch?.hunks.map(({ lines, oldStart, newStart }) => toRows(lines, oldStart, newStart)) ?? null
}

/** The rows of a hunk, whose lines begin with the sign of a unified diff. */
function toRows(lines: readonly string[], oldStart: number, newStart: number): DiffRow[] {
  const rows: DiffRow[] = []
  let [old, young] = [oldStart, newStart]
  let gone: Line[] = []
  let come: Line[] = []

  function pair(): void {
    for (let i = 0; i < Math.max(gone.length, come.length); i++) {
      rows.push({ kind: 'changed', from: gone[i] ?? null, to: come[i] ?? null })
    }
    gone = []
    come = []
  }

  for (const [i, line] of lines.entries()) {
    const rest = { text: line.slice(1), isOpen: lines[i + 1]?.startsWith('\\') === true }
    if (line.startsWith('-')) gone.push({ ...rest, number: old++ })
    if (line.startsWith('+')) come.push({ ...rest, number: young++ })
    if (!line.startsWith(' ')) continue
    pair()
    rows.push({ kind: 'same', from: { ...rest, number: old++ }, to: { ...rest, number: young++ } })
  }
  pair()
  return rows
}
