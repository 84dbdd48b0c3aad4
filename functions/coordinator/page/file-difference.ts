import { type Difference, findDifference, toText } from '../../storage/difference.ts'
import { type Chunks, fromBytes, readAll, toChunks, toStream } from '../../storage/streams.ts'
import type { Body } from '../../wire/answer.ts'
import { MAX_PAGE_READ_BYTES, MAX_PAGE_TEXT_BYTES, PAGE_WAIT_MS } from '../../wire/limits.ts'
import { StorageError } from '../../wire/trouble.ts'
import { within } from '../../wire/within.ts'
import type { Version } from '../compare.ts'
import { openVersion, type Read } from '../read.ts'
import { type DiffRow, diffRows } from './diff-rows.ts'

/** How two versions differ, as far as a page finds out. */
export type Shown =
  | { readonly kind: 'lines'; readonly parts: readonly (readonly DiffRow[])[] }
  | ({ readonly kind: 'bytes' } & Difference)
  /** The bytes up to here are alike; what follows was not read. */
  | { readonly kind: 'beyond'; readonly offset: number }
  /** Why it could not be found out. */
  | { readonly kind: 'trouble'; readonly detail: string }

/** Small texts line by line; anything else by its first bytes that differ. Never rejects for what a replica does. */
export async function showDifference(read: Read, a: Version, b: Version): Promise<Shown> {
  const abort = new AbortController()
  const open: Open = async (version) =>
    toChunks(toStream(toBody(await openVersion(read, version)), abort.signal))
  try {
    const isSmall = Math.max(a.size, b.size) <= MAX_PAGE_TEXT_BYTES
    const work = isSmall ? showSmall(open, a, b) : showLarge(open, a, b)
    return (await within(PAGE_WAIT_MS, work)) ?? trouble('reading the versions takes longer than a page may')
  } catch (error) {
    if (error instanceof StorageError) return trouble(error.message)
    throw error
  } finally {
    // What is still being read, nobody waits for.
    abort.abort()
  }
}

/** Opens a version, which is freed when the page has what it shows. */
type Open = (version: Version) => Promise<Chunks>

function trouble(detail: string): Shown {
  return { kind: 'trouble', detail }
}

async function showSmall(open: Open, a: Version, b: Version): Promise<Shown> {
  const [x, y] = await Promise.all([open(a).then(readAll), open(b).then(readAll)])
  const [from, to] = [toText(x), toText(y)]
  const parts = from === null || to === null ? null : diffRows(from, to)
  if (parts !== null) return { kind: 'lines', parts }
  return toShown(await findDifference(fromBytes(x), fromBytes(y)))
}

async function showLarge(open: Open, a: Version, b: Version): Promise<Shown> {
  return toShown(await findDifference(begin(await open(a)), begin(await open(b))))
}

function toShown(difference: Difference | null): Shown {
  return difference === null
    ? { kind: 'beyond', offset: MAX_PAGE_READ_BYTES }
    : { kind: 'bytes', ...difference }
}

/** The first `MAX_PAGE_READ_BYTES`: where one of two that are cut like this ends before the other, it ends indeed. */
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

function toBody(body: Body): Chunks {
  return body instanceof ReadableStream ? toChunks(body) : fromBytes(body ?? new Uint8Array())
}
