import type { Chunks } from '../../../functions/bytes/chunks.ts'
import type { Reply } from '../../../functions/storage/remote/replies.ts'
import { Broken, NOT_A_COORDINATOR, NotACoordinator } from './coordinator-client.ts'

/** The bytes of one response's status and fields at most: a coordinator's are some 2 KiB. */
const MAX_HEAD_BYTES = 256 * 1024

const END_OF_HEAD = '\r\n\r\n'

/** The responses in a pipeline. Its user reads it to its end or cancels it. */
export interface Pipeline {
  /**
   * The next response; null at the end. Its body is read before the next response, or skipped. Throws
   * `Broken` where the pipeline ends within a response, `NotACoordinator` for what is no response.
   */
  next(): Promise<Reply | null>
  /** Releases the source; does nothing after the end or an error. */
  cancel(): Promise<void>
}

/** Reads a pipeline (RFC 9112 §10.2). */
export function readPipeline(chunks: Chunks): Pipeline {
  let held: Buffer = Buffer.alloc(0)
  /** Where what is left of `held` begins. */
  let from = 0
  /** Bytes of the last body that are not read. */
  let left = 0

  /** Holds more bytes behind those that are left; false at the end. */
  async function hasMore(): Promise<boolean> {
    const { done, value } = await chunks.next()
    if (done) return false
    const more = Buffer.from(value.buffer, value.byteOffset, value.length)
    held = from === held.length ? more : Buffer.concat([held.subarray(from), more])
    from = 0
    return true
  }

  /** The next head, without the empty line; null at the end. */
  async function takeHead(): Promise<string | null> {
    for (;;) {
      const end = held.indexOf(END_OF_HEAD, from)
      if (end >= 0) {
        const head = held.toString('latin1', from, end)
        from = end + END_OF_HEAD.length
        return head
      }
      const size = held.length - from
      if (size > MAX_HEAD_BYTES) throw new NotACoordinator(NOT_A_COORDINATOR)
      if (await hasMore()) continue
      if (size === 0) return null
      throw toBroken()
    }
  }

  /** Up to `length` bytes of the body, which are held. */
  function take(length: number): Uint8Array {
    const taken = new Uint8Array(held.buffer, held.byteOffset + from, length)
    from += length
    left -= length
    return taken
  }

  const body: Chunks = {
    async next() {
      if (left === 0) return { done: true, value: undefined }
      if (from === held.length && !(await hasMore())) throw toBroken()
      return { done: false, value: take(Math.min(left, held.length - from)) }
    },
    takeWhole: () => (held.length - from < left ? null : take(left)),
    // What is not read is skipped before the next response.
    async cancel() {},
  }

  return {
    async next() {
      while (left > 0) await body.next()
      const head = await takeHead()
      if (head === null) return null
      const { status, get } = parseHead(head)
      left = parseSize(status, get('Content-Length'))
      return { status, headers: { get }, body }
    },
    cancel: () => chunks.cancel(),
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
