import type { Chunks } from '../../../functions/bytes/chunks.ts'
import type { Reply } from '../../../functions/storage/remote/replies.ts'
import { Broken, NOT_A_COORDINATOR, NotACoordinator } from './coordinator-client.ts'

/** The bytes of one response's status and fields at most: a coordinator's are some 2 KiB. */
const MAX_HEAD_BYTES = 256 * 1024

const END_OF_HEAD = '\r\n\r\n'

/**
 * The responses in a pipeline (RFC 9112 §10.2), each with a body that is skipped unless it is read before the
 * next. Throws `Broken` where the pipeline ends within a response, `NotACoordinator` for anything else. The
 * chunks are released however it ends.
 */
export async function* readPipeline(chunks: Chunks): AsyncGenerator<Reply> {
  const source = createSource(chunks)
  try {
    for (let head = await source.takeHead(); head !== null; head = await source.takeHead()) {
      const { status, get } = parseHead(head)
      const body = source.takeBody(parseSize(status, get('Content-Length')))
      yield { status, headers: { get }, body }
      for (let next = await body.next(); !next.done; next = await body.next());
    }
  } finally {
    // Does nothing after the end or an error.
    chunks.cancel().catch(() => {})
  }
}

/** Cuts heads and bodies out of chunks. */
function createSource(chunks: Chunks) {
  let held: Buffer = Buffer.alloc(0)
  /** Where what is left of `held` begins. */
  let from = 0

  /** Holds more bytes behind those that are left; false at the end. */
  async function hasMore(): Promise<boolean> {
    const { done, value } = await chunks.next()
    if (done) return false
    const more = Buffer.from(value.buffer, value.byteOffset, value.length)
    held = from === held.length ? more : Buffer.concat([held.subarray(from), more])
    from = 0
    return true
  }

  return {
    /** The next head, without the empty line; null at the end. */
    async takeHead(): Promise<string | null> {
      for (;;) {
        const end = held.indexOf(END_OF_HEAD, from)
        if (end >= 0) {
          const head = held.toString('latin1', from, end)
          from = end + END_OF_HEAD.length
          return head
        }
        const left = held.length - from
        if (left > MAX_HEAD_BYTES) throw new NotACoordinator(NOT_A_COORDINATOR)
        if (await hasMore()) continue
        if (left === 0) return null
        throw toBroken()
      }
    },
    /** The body of `size` bytes behind the head. */
    takeBody(size: number): Chunks {
      let left = size
      return {
        async next() {
          if (left === 0) return { done: true, value: undefined }
          if (from === held.length && !(await hasMore())) throw toBroken()
          const length = Math.min(left, held.length - from)
          const value = new Uint8Array(held.buffer, held.byteOffset + from, length)
          from += length
          left -= length
          return { done: false, value }
        },
        // What is not read is skipped before the next response.
        async cancel() {},
      }
    },
  }
}

/** The status, and the fields, which are searched for when they are asked for: most are not. */
function parseHead(head: string) {
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]
  if (status === undefined) throw new NotACoordinator(NOT_A_COORDINATOR)
  const lower = head.toLowerCase()
  return {
    status: Number(status),
    get(name: string): string | null {
      const before = `\r\n${name.toLowerCase()}:`
      const at = lower.indexOf(before)
      if (at < 0) return null
      const end = lower.indexOf('\r\n', at + before.length)
      return head.slice(at + before.length, end < 0 ? undefined : end).trim()
    },
  }
}

/** The bytes of the body: none with 204 and 304, whatever `length` is (RFC 9112 §6.3). */
function parseSize(status: number, length: string | null): number {
  if (status === 204 || status === 304) return 0
  if (length === null || !/^\d{1,15}$/.test(length)) throw new NotACoordinator(NOT_A_COORDINATOR)
  return Number(length)
}

function toBroken(): Broken {
  return new Broken('the transfer broke off early')
}
