import { parseName } from '../../functions/storage/names.ts'
import { createObjectStorage } from '../../functions/storage/object-storage.ts'
import { type Places, toServerPlaces, toStorePlaces, toWebPlaces } from '../../functions/storage/overlap.ts'
import { readSurvey } from '../../functions/storage/read-survey.ts'
import { createRemoteStorage, type Send, type SendInit } from '../../functions/storage/remote.ts'
import { createStaticWeb } from '../../functions/storage/static-web.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { createS3Objects } from '../s3/objects.ts'
import { parseEndpoint, parseS3Word, S3_RULE, toPlace } from '../s3/place.ts'
import { type Fetcher, toBucket, toFetcher, toNamespace } from './bindings.ts'
import { type FixedBody, inLargeChunks, toFixedBody } from './chunks.ts'
import { ConfigurationError } from './configuration-error.ts'
import { createDigests } from './digests.ts'
import { createDiskStorage } from './disk-storage.ts'
import { createHasher } from './hasher.ts'
import { toPlatformError } from './platform-errors.ts'
import { createR2Objects } from './r2.ts'
import type { Tokens } from './tokens.ts'

/** One URL-like word of a variable, and what it may lead to. */
export interface Word {
  /** The variable that holds it, for messages. */
  readonly variable: string
  readonly url: string
  /** All that the Worker is bound to. */
  readonly env: Readonly<Record<string, unknown>>
  readonly writable: boolean
  /** Shown to a replica server. */
  readonly token: Tokens | null
}

/** What the scheme of a word leads to. Each throws ConfigurationError, whose message names no address. */
const SCHEMES: Readonly<Record<string, (word: Word) => Storage>> = {
  'r2:': toBucketStorage,
  'service:': toServiceStorage,
  'http:': toHttpStorage,
  'https:': toHttpStorage,
  's3:': toS3Storage,
  'static+http:': toWebStorage,
  'static+https:': toWebStorage,
  'disk:': toDirectoryStorage,
}

/** The storage that a word names; null when it is of no kind that a Worker reaches. Throws ConfigurationError. */
export function parseWord(word: Word): Storage | null {
  const scheme = /^[a-z0-9+]+:(?=\/\/)/.exec(word.url)?.[0] ?? ''
  return SCHEMES[scheme]?.(word) ?? null
}

/** Where the files lie that a word leads to, as far as it says. */
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

/** `r2://BINDING` or `r2://BINDING/prefix`: a bucket, or what is in its folder `prefix`. */
function toBucketStorage({ variable, url, env, writable }: Word): Storage {
  const [, binding = '', folder = ''] = /^r2:\/\/(\w+)(?:\/(.*))?$/.exec(url) ?? []
  const prefix = folder.replace(/\/$/, '')
  if (prefix !== '' && parseName(prefix) === null) {
    throw new ConfigurationError(`${variable} names a folder of the bucket ${binding} that can be none`)
  }
  const bucket = toBucket(env[binding])
  if (bucket === null) throw new ConfigurationError(`${variable} wants a bucket of R2 bound to '${binding}'`)
  const cache = createDigests(binding, toNamespace(env['DIGESTS']))
  const root = prefix && `${prefix}/`
  const objects = createR2Objects(bucket)
  return forEachCall(() => createObjectStorage(objects, { createHasher, cache, root, writable }))
}

/**
 * A storage made anew for each call. What a storage counts while it works must not outlive the request that it works
 * for: workerd drops that with its client, and the count would never go down again.
 */
function forEachCall(create: () => Storage): Storage {
  return {
    describe: (names, options) => create().describe(names, options),
    open: (name, options) => create().open(name, options),
    list: (options) => create().list(options),
    survey: (survey, options) => readSurvey(create(), survey, options),
    put: (name, body, options) => create().put(name, body, options),
    listKept: (options) => create().listKept(options),
    restore: (name, options) => create().restore(name, options),
  }
}

/** `service://BINDING`: a replica that is a Worker of the same account. */
function toServiceStorage(word: Word): Storage {
  const [, binding = ''] = /^service:\/\/(\w+)\/?$/.exec(word.url) ?? []
  const service = requireService(word, binding)
  // The binding leads there whatever the address says; a request needs one all the same.
  return toReplicaStorage('http://replica', word, (url, init) => service.fetch(url, init))
}

/** `https://host:port`: a replica server. */
function toHttpStorage(word: Word): Storage {
  if (URL.parse(word.url) === null)
    throw new ConfigurationError(`${word.variable} has an address that is none`)
  return toReplicaStorage(word.url, word, (url, init) => fetch(url, init))
}

/** `s3://BUCKET/PREFIX`, the credentials being secrets of the names that AWS's tools have for them in an environment. */
function toS3Storage({ variable, url, env, writable }: Word): Storage {
  const word = parseS3Word(url)
  if (word === null) throw new ConfigurationError(`${variable} takes ${S3_RULE}`)
  const [accessKeyId, secretAccessKey] = [
    getText(env, 'AWS_ACCESS_KEY_ID'),
    getText(env, 'AWS_SECRET_ACCESS_KEY'),
  ]
  if (accessKeyId === null || secretAccessKey === null) {
    throw new ConfigurationError(
      `${variable} names a bucket of S3, which wants the secrets AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`,
    )
  }
  const sessionToken = getText(env, 'AWS_SESSION_TOKEN') ?? undefined
  const [region, endpoint] = [getText(env, 'AWS_REGION'), getText(env, 'AWS_ENDPOINT_URL_S3')]
  const place = toPlace(word, { region, endpoint: endpoint && parseEndpoint(endpoint) })
  const cache = createDigests(`s3 ${place.endpoint} ${place.bucket}`, toNamespace(env['DIGESTS']))
  const { root } = word
  const credentials = async () => ({ accessKeyId, secretAccessKey, sessionToken })
  const send = toSend((url, init) => fetch(url, init))
  return forEachCall(() =>
    createObjectStorage(createS3Objects({ ...place, root, credentials, fetch: send }), {
      ...{ createHasher, cache, root, writable },
    }),
  )
}

/** `static+https://host/directory/`: any web server. */
function toWebStorage({ variable, url, env }: Word): Storage {
  const address = url.replace(/^static\+/, '').replace(/\/*$/, '/')
  if (URL.parse(address) === null) throw new ConfigurationError(`${variable} has an address that is none`)
  const objects = createStaticWeb(address, { fetch: toSend((url, init) => fetch(url, init)) })
  const cache = createDigests(`static ${address}`, toNamespace(env['DIGESTS']))
  return forEachCall(() => createObjectStorage(objects, { createHasher, cache }))
}

function getText(env: Word['env'], name: string): string | null {
  const text = env[name]
  return typeof text === 'string' && text !== '' ? text : null
}

/** `disk://BINDING`: a directory through the disk service of workerd, which only a workerd of one's own has. */
function toDirectoryStorage(word: Word): Storage {
  const [, binding = ''] = /^disk:\/\/(\w+)\/?$/.exec(word.url) ?? []
  return createDiskStorage(requireService(word, binding), { createHasher })
}

function requireService({ variable, env }: Word, binding: string): Fetcher {
  const service = toFetcher(env[binding])
  if (service !== null) return service
  throw new ConfigurationError(`${variable} wants a service bound to '${binding}'`)
}

function toReplicaStorage(url: string, { token }: Word, ask: Fetcher['fetch']): Storage {
  return createRemoteStorage(url, { fetch: toSend(ask), ...(token && { token: () => token.first() }) })
}

function toSend(ask: Fetcher['fetch']): Send {
  return async (url, init) => {
    const { body, stop } = toBody(init)
    try {
      const response = await ask(url, { ...init, ...(body && { body }) })
      // A replica that answers before it has read everything wants no more.
      await stop(null)
      return response.body === null ? response : new Response(inLargeChunks(response.body), response)
    } catch (error) {
      throw toRefusal(await stop(error))
    }
  }
}

/** What `fetch` is given of a body: one that streams goes out chunked otherwise, and a replica takes none of no length. */
function toBody({ body, headers, signal }: SendInit): Pick<FixedBody, 'stop'> & { body?: BodyInit } {
  if (!(body instanceof ReadableStream)) {
    return { ...(body !== undefined && { body }), stop: async (error) => error }
  }
  const { readable, stop } = toFixedBody(body, Number(headers['Content-Length']), signal)
  return { body: readable, stop }
}

/** What is no failure of the replica, in its own words; other errors are for the adapter to tell apart. */
function toRefusal(error: unknown): unknown {
  const known = toPlatformError(error, '')
  return known.code === 'unreachable' ? error : known
}
