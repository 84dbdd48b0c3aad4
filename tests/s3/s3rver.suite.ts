import crypto, { createHash } from 'node:crypto'
import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { compareNames } from '../../functions/storage/names.ts'
import { OWN_CHECKSUM } from '../../runtime/s3/versions.ts'

/** The parts of s3rver, which has no types, that the tests use. */
interface S3rver {
  store: unknown
  readonly context: { store: unknown }
  run(): Promise<AddressInfo>
  httpServer: Server
}
interface S3rverModels {
  readonly S3rver: new (options: object) => S3rver
  readonly S3Error: { new (code: string, message: string): Error; prototype: { toXML(this: Coded): string } }
  readonly S3Object: new (bucket: string, key: string, content: unknown, metadata: object) => StoredObject
}
interface Coded {
  readonly code: string
  readonly message: string
}
interface StoredObject {
  readonly key: string
  readonly content: Readable
  readonly metadata: Record<string, string | number>
  range?: { readonly start: number; readonly end: number }
}

const require = createRequire(import.meta.url)
const { S3rver, S3Error, S3Object }: S3rverModels = {
  S3rver: require('s3rver'),
  S3Error: require('s3rver/lib/models/error'),
  S3Object: require('s3rver/lib/models/object'),
}

// It escapes the key in its errors as HTML does, with entities that XML has not.
S3Error.prototype.toXML = function () {
  return `<?xml version="1.0"?>\n<Error><Code>${this.code}</Code><Message>${this.message}</Message></Error>`
}

// Its continuation tokens use DES, which OpenSSL no longer has; triple DES with the same key three times is
// equivalent.
const { createCipheriv } = crypto
Object.assign(crypto, {
  createCipheriv(name: string, key: Buffer, iv: Buffer) {
    const isDes = name === 'des'
    return createCipheriv(isDes ? 'des-ede3-cbc' : name, isDes ? Buffer.concat([key, key, key]) : key, iv)
  },
})

/**
 * The account that s3rver has. It checks the date of a request and whose it is, and not what SigV4 signed.
 */
export const S3RVER_CREDENTIALS = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' } as const

export const BUCKET = 'vouch-tests'

export interface RunningS3rver {
  readonly endpoint: string
  close(): Promise<void>
}

/**
 * s3rver with one bucket, `BUCKET`: unchanged, over files below `directory`; or its HTTP and XML over a store
 * of ours in memory, which heeds the conditions of writes and keeps checksums, as s3rver's own does not.
 */
export async function startS3rver(
  options: { readonly directory: string } | { readonly store: MemoryStore },
): Promise<RunningS3rver> {
  const server = new S3rver({
    port: 0,
    address: '127.0.0.1',
    silent: true,
    directory: 'directory' in options ? options.directory : '/nowhere',
    serviceEndpoint: 'localhost',
    configureBuckets: 'directory' in options ? [{ name: BUCKET }] : [],
  })
  // Koa makes the context of each request of this one, by which controllers reach the store.
  if ('store' in options) for (const one of [server, server.context]) one.store = options.store
  const { port } = await server.run()
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async close() {
      server.httpServer.closeAllConnections()
      await new Promise((done) => server.httpServer.close(done))
    },
  }
}

export type MemoryStore = ReturnType<typeof createMemoryStore>

/** The conditions that S3 knows. */
export const CONDITIONS = ['if-match', 'if-none-match'] as const

interface Held {
  readonly bytes: Buffer
  readonly modified: Date
  readonly etag: string
  readonly sha256: string | null
  /** The digest that vouch stored with the content; null for objects of other writers. */
  readonly own: string | null
  /** The value of `x-amz-meta-mtime`. */
  readonly mtime: unknown
}

/** The abilities of a store. */
export interface MemoryStoreOptions {
  /** The conditions of writes that it heeds. */
  readonly heeds: readonly ('if-match' | 'if-none-match')[]
  readonly keepsChecksums: boolean
  /** Whether it omits the type of a checksum. */
  readonly hidesTypes?: boolean
}

/** The store that s3rver asks, in memory. */
export function createMemoryStore({ heeds, keepsChecksums, hidesTypes = false }: MemoryStoreOptions) {
  const held = new Map<string, Held>()

  function hold(
    key: string,
    bytes: Buffer,
    sha256: string | null = null,
    { own = null, mtime }: { readonly own?: string | null; readonly mtime?: unknown } = {},
  ): Held {
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`
    const one = { bytes, modified: new Date(), etag, sha256, own, mtime }
    held.set(key, one)
    return one
  }

  function toObject(key: string, one: Held, from = 0, to = one.bytes.length - 1): StoredObject {
    const object = new S3Object(BUCKET, key, Readable.from(toPieces(one.bytes.subarray(from, to + 1))), {
      'content-length': one.bytes.length,
      'last-modified': one.modified.toUTCString(),
      etag: one.etag,
    })
    if (one.sha256 !== null) object.metadata['x-amz-checksum-sha256'] = one.sha256
    if (one.sha256 !== null && !hidesTypes) object.metadata['x-amz-checksum-type'] = 'FULL_OBJECT'
    if (one.own !== null) object.metadata[OWN_CHECKSUM] = one.own
    if (one.mtime !== undefined) object.metadata['x-amz-meta-mtime'] = String(one.mtime)
    return object
  }

  /** s3rver decodes the source of a copy as an address, not as a part of one. */
  function findSource(key: string): string | undefined {
    return [...held.keys()].find((one) => decodeURI(one.split('/').map(encodeURIComponent).join('/')) === key)
  }

  function requireCondition(key: string, headers: Readonly<Record<string, unknown>>): void {
    const current = held.get(key)
    const match = heeds.includes('if-match') ? headers['if-match'] : undefined
    const none = heeds.includes('if-none-match') ? headers['if-none-match'] : undefined
    if (match !== undefined && current === undefined) throw new S3Error('NoSuchKey', 'no such key')
    if ((match !== undefined && match !== current?.etag) || (none === '*' && current !== undefined)) {
      throw new S3Error('PreconditionFailed', 'a condition does not hold')
    }
  }

  return {
    held,
    hold,
    getBucket: async (name: string) => (name === BUCKET ? { name, creationDate: new Date() } : null),
    getSubresource: async () => null,
    async getObject(_bucket: string, key: string, { start, end }: { start?: number; end?: number } = {}) {
      const one = held.get(key)
      if (one === undefined) return null
      const [from, to] = [start ?? 0, Math.min(end ?? Number.POSITIVE_INFINITY, one.bytes.length - 1)]
      const object = toObject(key, one, from, to)
      if (start === undefined) return object
      object.range = { start: from, end: to }
      return from > to ? { ...object, size: one.bytes.length, content: null } : object
    },
    existsObject: async (_bucket: string, key: string) => held.has(key) || findSource(key) !== undefined,
    async putObject({ key, content }: { readonly key: string; readonly content: Readable }) {
      // s3rver hands over the request itself.
      const headers: Readonly<Record<string, unknown>> =
        'headers' in content ? { ...Object(content.headers) } : {}
      const bytes = Buffer.concat(await content.toArray())
      const sha256 = String(headers['x-amz-checksum-sha256'] ?? '')
      if (sha256 !== '' && sha256 !== createHash('sha256').update(bytes).digest('base64')) {
        throw new S3Error('BadDigest', 'the checksum is another')
      }
      requireCondition(key, headers)
      const own = OWN_CHECKSUM in headers ? String(headers[OWN_CHECKSUM]) : null
      const kept = keepsChecksums && sha256 !== '' ? sha256 : null
      const { etag } = hold(key, bytes, kept, { own, mtime: headers['x-amz-meta-mtime'] })
      return { size: bytes.length, md5: etag.slice(1, -1) }
    },
    async copyObject(
      _from: string,
      source: string,
      _to: string,
      key: string,
      replaced?: Readonly<Record<string, string>>,
    ) {
      const one = held.get(held.has(source) ? source : (findSource(source) ?? ''))
      if (one === undefined) throw new S3Error('NoSuchKey', 'no such key')
      const { bytes, sha256, own } = one
      const mtime = replaced?.['x-amz-meta-mtime'] ?? one.mtime
      const { etag, modified } = hold(key, bytes, sha256, { own, mtime })
      return { etag, 'last-modified': modified.toUTCString() }
    },
    deleteObject: async (_bucket: string, key: string) => void held.delete(key),
    async listObjects(
      _bucket: string,
      {
        startAfter = '',
        prefix = '',
        maxKeys = 1000,
      }: { startAfter?: string; prefix?: string; maxKeys?: number },
    ) {
      const keys = [...held.keys()].filter(
        (key) => key.startsWith(prefix) && compareNames(key, startAfter) > 0,
      )
      const page = keys.sort(compareNames).slice(0, maxKeys)
      const objects = page.flatMap((key) => {
        const one = held.get(key)
        return one === undefined ? [] : [toObject(key, one)]
      })
      return { objects, commonPrefixes: [], isTruncated: page.length < keys.length }
    },
  }
}

function* toPieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 64 * 1024) yield bytes.subarray(at, at + 64 * 1024)
}
