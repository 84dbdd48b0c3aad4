/** What vouch uses of workerd's own globals (https://developers.cloudflare.com/workers/runtime-apis/). */

/** An identity transform of exactly `length` bytes: more or fewer are an error, and an answer from it has a length. */
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
  /** Takes as long whatever the bytes are; throws when their lengths differ. */
  timingSafeEqual(a: ArrayBufferView, b: ArrayBufferView): boolean
}
