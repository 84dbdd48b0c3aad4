/** The globals of workerd that vouch uses (https://developers.cloudflare.com/workers/runtime-apis/). */

/** Passes exactly `length` bytes: more or fewer are an error, and an answer from it has a length. */
declare class FixedLengthStream {
  constructor(length: number)
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
}

/** Hashes what is written to it; `digest` settles once it is closed. */
declare class DigestStream extends WritableStream<Uint8Array> {
  constructor(algorithm: 'SHA-256')
  readonly digest: Promise<ArrayBuffer>
}

interface Crypto {
  readonly DigestStream: typeof DigestStream
}

interface SubtleCrypto {
  /** Takes the same time for any bytes; throws when their lengths differ. */
  timingSafeEqual(a: ArrayBufferView, b: ArrayBufferView): boolean
}
