import type { Chunks } from '../../../functions/bytes/chunks.ts'
import type { Reply } from '../../../functions/storage/remote/replies.ts'
import { Broken, NOT_A_COORDINATOR, NotACoordinator } from './coordinator-client.ts'

/** The bytes of one response's status and fields at most: a coordinator's are some 2 KiB. */
const MAX_HEAD_BYTES = 256 * 1024

const END_OF_HEAD = '\r\n\r\n'

/** A response in a pipeline. */
export interface PipelinedReply extends Reply {
  /** The bytes of its body, which stay to be read, when all of them are here; null otherwise. */
  whole(): Uint8Array | null
}

type Next = PipelinedReply | null

/** The responses in a pipeline. Its user reads it to its end or cancels it. */
export interface Pipeline {
  /**
   * The next response, at once when its head is here; null at the end. Its body is read before the next
   * response, or skipped. Throws or rejects with `Broken` where the pipeline ends within a response, with
   * `NotACoordinator` for what is no response.
   */
  next(): Next | Promise<Next>
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

  /** The next response, when its head is held; null otherwise. */
  function takeHeld(): Next {
    const end = held.indexOf(END_OF_HEAD, from)
    if (end < 0) return null
    const { status, get } = parseHead(held.toString('latin1', from, end))
    from = end + END_OF_HEAD.length
    left = parseSize(status, get('Content-Length'))
    return { status, headers: { get }, body, whole: peekWhole }
  }

  async function waitForNext(): Promise<Next> {
    while (left > 0) await body.next()
    for (;;) {
      const next = takeHeld()
      if (next !== null) return next
      const size = held.length - from
      if (size > MAX_HEAD_BYTES) throw new NotACoordinator(NOT_A_COORDINATOR)
      if (await hasMore()) continue
      if (size === 0) return null
      throw toBroken()
    }
  }

  function peekWhole(): Uint8Array | null {
    return held.length - from < left ? null : new Uint8Array(held.buffer, held.byteOffset + from, left)
  }

  const body: Chunks = {
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

  return {
    next() {
      if (held.length - from >= left) {
        from += left
        left = 0
        const next = takeHeld()
        if (next !== null) return next
      }
      return waitForNext()
    },
    cancel: () => chunks.cancel(),
  }
}

/** The status, and the fields, which are searched for when they are asked for: most are not. */
function parseHead(head: string) {
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]
  if (status === undefined) throw new NotACoordinator(NOT_A_COORDINATOR)
  let lower: string | undefined
  return {
    status: Number(status),
    get(name: string): string | null {
      // A coordinator writes names as they are asked for, which saves most heads the copy in lower case.
      const asked = head.indexOf(`\r\n${name}:`)
      lower ??= asked < 0 ? head.toLowerCase() : undefined
      const at = lower === undefined || asked >= 0 ? asked : lower.indexOf(`\r\n${name.toLowerCase()}:`)
      if (at < 0) return null
      const from = at + name.length + 3
      const end = head.indexOf('\r\n', from)
      return head.slice(from, end < 0 ? undefined : end).trim()
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
