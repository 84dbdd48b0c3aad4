import { toStream } from '../../functions/bytes/chunks.ts'
import { readKept } from '../../functions/storage/kept.ts'
import { parseName } from '../../functions/storage/names.ts'
import { createCallMeter } from '../../functions/storage/objects/call-meter.ts'
import { createObjectStorage } from '../../functions/storage/objects/object-storage.ts'
import { type Places, toServerPlaces, toStorePlaces, toWebPlaces } from '../../functions/storage/overlap.ts'
import { createRemoteStorage, type Send, type SendInit } from '../../functions/storage/remote/remote.ts'
import type { Storage, WritableStorage } from '../../functions/storage/storage.ts'
import { readSurvey } from '../../functions/storage/survey/read-survey.ts'
import { createStaticWeb } from '../../functions/storage/web/static-web.ts'
import { isWritable, requireWritable } from '../../functions/storage/writable.ts'
import { createS3Objects } from '../s3/objects.ts'
import { parseEndpoint, parseS3Word, S3_RULE, toPlace } from '../s3/place.ts'
import type { Tokens } from './access/tokens.ts'
import { type Fetcher, type ObjectNamespace, toBucket, toFetcher, toObjects } from './bindings.ts'
import { type FixedBody, toFixedBody, toLargeChunks } from './chunks.ts'
import { ConfigurationError } from './configuration-error.ts'
import { createDigests } from './digests/digests.ts'
import { createDiskStorage } from './disk/disk-storage.ts'
import { createHasher } from './hasher.ts'
import { toPlatformError } from './r2/platform-errors.ts'
import { createR2Objects } from './r2/r2.ts'

interface StorageAddress {
  /** The variable that holds it, for messages. */
  readonly variable: string
  readonly url: string
  /** All variables and bindings of the Worker. */
  readonly env: Readonly<Record<string, unknown>>
  readonly writable: boolean
  /** The tokens for a replica server. */
  readonly token: Tokens | null
}

/** Opens the storage of each scheme. Each throws ConfigurationError, whose message names no address. */
const SCHEMES: Readonly<Record<string, (word: StorageAddress) => Storage>> = {
  'r2:': toBucketStorage,
  'service:': toServiceStorage,
  'http:': toHttpStorage,
  'https:': toHttpStorage,
  's3:': toS3Storage,
  'static+http:': toWebStorage,
  'static+https:': toWebStorage,
  'disk:': toDirectoryStorage,
}

/** Opens the storage at an address; null when a Worker cannot reach that kind. Throws ConfigurationError. */
export function openAddress(word: StorageAddress): Storage | null {
  const scheme = /^[a-z0-9+]+:(?=\/\/)/.exec(word.url)?.[0] ?? ''
  return SCHEMES[scheme]?.(word) ?? null
}

/** The places of the files at an address, as far as it shows them. */
export function toPlaces(url: string): Places {
  const [, scheme = '', rest = ''] = /^([a-z0-9+]+):\/\/(.*)$/s.exec(url) ?? []
  if (scheme.startsWith('http') && URL.canParse(url)) return toServerPlaces(url)
  const address = url.replace(/^static\+/, '')
  if (scheme.startsWith('static+') && URL.canParse(address)) return toWebPlaces(address)
  const s3 = parseS3Word(url)
  if (s3 !== null) return toStorePlaces(`s3 ${s3.endpoint ?? ''} ${s3.bucket}`, s3.root)
  const [binding = '', ...folders] = rest.replace(/\/+$/, '').split('/')
  return toStorePlaces(`${scheme} ${binding}`, folders.map((folder) => `${folder}/`).join(''))
}

/** `r2://BINDING` or `r2://BINDING/prefix`: a bucket, or its folder `prefix`. */
function toBucketStorage({ variable, url, env, writable }: StorageAddress): Storage {
  const [, binding = '', folder = ''] = /^r2:\/\/(\w+)(?:\/(.*))?$/.exec(url) ?? []
  const prefix = folder.replace(/\/$/, '')
  const wrong = `${variable} names a folder of the bucket ${binding} that is not valid: '${prefix}'`
  if (prefix !== '' && parseName(prefix) === null) throw new ConfigurationError(wrong)
  const bucket = toBucket(env[binding])
  if (bucket === null) throw new ConfigurationError(`${variable} needs a bucket of R2 bound to '${binding}'`)
  const openCache = createDigests(binding, toDigestObjects(env))
  const root = prefix && `${prefix}/`
  const objects = createR2Objects(bucket)
  return forEachCall(() => createObjectStorage(objects, { createHasher, cache: openCache(), root, writable }))
}

/**
 * A storage that is created again for each call. The count of a limit must not outlive its request: workerd
 * drops the work of a request together with its client, so that the count would never go down.
 */
function forEachCall(create: () => Storage): Storage {
  const first = create()
  const { billing } = first
  const reads: Storage = {
    ...(billing && {
      billing: { ...billing, estimate: (options) => (create().billing ?? billing).estimate(options) },
    }),
    describe: (names, options) => create().describe(names, options),
    open: (name, options) => create().open(name, options),
    list: (options) => create().list(options),
    survey: (survey, options) => readSurvey(create(), survey, options),
    listKept: (options) => readKept(create(), options),
  }
  const writes: Pick<WritableStorage, 'put' | 'restore'> = {
    put: (name, body, options) => requireWritable(create()).put(name, body, options),
    restore: (name, options) => requireWritable(create()).restore(name, options),
  }
  return isWritable(first) ? { ...reads, ...writes } : reads
}

/** `service://BINDING`: a replica that is a Worker of the same account. */
function toServiceStorage(word: StorageAddress): Storage {
  const [, binding = ''] = /^service:\/\/(\w+)\/?$/.exec(word.url) ?? []
  const service = requireService(word, binding)
  // The binding ignores the address, but a request needs one.
  return toReplicaStorage('http://replica', word, (url, init) => service.fetch(url, init))
}

/** `https://host:port`: a replica server. */
function toHttpStorage(word: StorageAddress): Storage {
  if (URL.parse(word.url) === null) throw new ConfigurationError(`${word.variable} is not a valid URL`)
  return toReplicaStorage(word.url, word, (url, init) => fetch(url, init))
}

/** `s3://BUCKET/PREFIX`, with the credentials in secrets named as the environment variables of AWS. */
function toS3Storage({ variable, url, env, writable }: StorageAddress): Storage {
  const word = parseS3Word(url)
  if (word === null) throw new ConfigurationError(`${variable} takes ${S3_RULE}`)
  const accessKeyId = getText(env, 'AWS_ACCESS_KEY_ID')
  const secretAccessKey = getText(env, 'AWS_SECRET_ACCESS_KEY')
  if (accessKeyId === null || secretAccessKey === null) {
    throw new ConfigurationError(
      `${variable} names a bucket of S3, which needs the secrets AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`,
    )
  }
  const sessionToken = getText(env, 'AWS_SESSION_TOKEN') ?? undefined
  const [region, endpoint] = [getText(env, 'AWS_REGION'), getText(env, 'AWS_ENDPOINT_URL_S3')]
  const place = toPlace(word, { region, endpoint: endpoint && parseEndpoint(endpoint) })
  const openCache = createDigests(`s3 ${place.endpoint} ${place.bucket}`, toDigestObjects(env))
  const { root } = word
  const credentials = async () => ({ accessKeyId, secretAccessKey, sessionToken })
  const send = toSend((url, init) => fetch(url, init))
  const meter = createCallMeter()
  const open = () => createS3Objects({ ...place, root, credentials, meter, fetch: send })
  return forEachCall(() => createObjectStorage(open(), { createHasher, cache: openCache(), root, writable }))
}

/** `static+https://host/directory/`: any web server. */
function toWebStorage({ variable, url, env }: StorageAddress): Storage {
  const address = url.replace(/^static\+/, '').replace(/\/*$/, '/')
  if (URL.parse(address) === null) throw new ConfigurationError(`${variable} is not a valid URL`)
  const objects = createStaticWeb(address, { fetch: toSend((url, init) => fetch(url, init)) })
  const openCache = createDigests(`static ${address}`, toDigestObjects(env))
  return forEachCall(() => createObjectStorage(objects, { createHasher, cache: openCache() }))
}

/** Where digests are remembered; null when nothing is bound for that. */
function toDigestObjects(env: StorageAddress['env']): ObjectNamespace | null {
  const objects = toObjects(env['DIGESTS'])
  if (env['DIGESTS'] === undefined || objects !== null) return objects
  throw new ConfigurationError(
    "DIGESTS takes the Durable Object class 'Digests' of this Worker, as wrangler.toml binds it; a KV namespace is of no use any more",
  )
}

function getText(env: StorageAddress['env'], name: string): string | null {
  const text = env[name]
  return typeof text === 'string' && text !== '' ? text : null
}

/** `disk://BINDING`: a directory through the disk service, which only a self-hosted workerd has. */
function toDirectoryStorage(word: StorageAddress): Storage {
  const [, binding = ''] = /^disk:\/\/(\w+)\/?$/.exec(word.url) ?? []
  return createDiskStorage(requireService(word, binding), { createHasher })
}

function requireService({ variable, env }: StorageAddress, binding: string): Fetcher {
  const service = toFetcher(env[binding])
  if (service !== null) return service
  throw new ConfigurationError(`${variable} needs a service bound to '${binding}'`)
}

function toReplicaStorage(url: string, { token }: StorageAddress, ask: Fetcher['fetch']): Storage {
  return createRemoteStorage(url, { fetch: toSend(ask), ...(token && { token: () => token.first() }) })
}

function toSend(ask: Fetcher['fetch']): Send {
  return async (url, init) => {
    const { body, stop } = toBody(init)
    try {
      const response = await ask(url, { ...init, ...(body && { body }) })
      // A replica that answers before it has read the whole body needs no more of it.
      await stop(null)
      return response.body === null
        ? response
        : new Response(toStream(toLargeChunks(response.body)), response)
    } catch (error) {
      throw toRefusal(await stop(error))
    }
  }
}

/** The body for `fetch`, of fixed length: any other stream is sent chunked, which no replica accepts. */
function toBody({ body, headers, signal }: SendInit): Pick<FixedBody, 'stop'> & { body?: BodyInit } {
  if (!(body instanceof ReadableStream)) {
    return { ...(body !== undefined && { body }), stop: async (error) => error }
  }
  const { readable, stop } = toFixedBody(body, Number(headers['Content-Length']), signal)
  return { body: readable, stop }
}

/** An error of the platform as a StorageError; other errors are left to the adapter. */
function toRefusal(error: unknown): unknown {
  const known = toPlatformError(error, '')
  return known.code === 'unreachable' ? error : known
}
