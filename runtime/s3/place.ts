import { parseName } from '../../functions/storage/names.ts'
import { attempt } from '../../functions/wire/attempt.ts'

/** Where the name of the bucket is in a URL: in the path, or as the first label of the host. */
export type Style = 'path' | 'virtual'

/** The parts of an address `s3://bucket/prefix`; null for parts that the environment supplies. */
export interface S3Word {
  readonly bucket: string
  /** What all keys begin with: '' or ending in a slash. */
  readonly root: string
  /** The URL of the service, http(s) without a slash at its end. */
  readonly endpoint: string | null
  readonly region: string | null
  readonly style: Style | null
}

/** A bucket, and how to reach it. */
export interface S3Place {
  readonly bucket: string
  /** As in `S3Word`. */
  readonly endpoint: string
  readonly region: string
  readonly style: Style
}

/** The form of an `s3://` address, for messages. */
export const S3_RULE =
  's3://BUCKET or s3://BUCKET/PREFIX, with ?endpoint=URL, &region=NAME and &style=path or virtual where needed'

const WORD = /^s3:\/\/(?<bucket>[^/?#@:]+)(?:\/(?<path>[^?#]*))?(?:\?(?<query>[^#]*))?$/i

/** Parses an `s3://` address; null if invalid, such as one with a key, which belongs in the environment. */
export function parseS3Word(text: string): S3Word | null {
  const { bucket = '', path = '', query = '' } = WORD.exec(text)?.groups ?? {}
  const root = parseRoot(path)
  const more = parseParameters(query)
  return isBucket(bucket) && root !== null && more !== null ? { bucket, root, ...more } : null
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, and older names with `_`. */
function isBucket(text: string): boolean {
  return /^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i.test(text) && !text.includes('..')
}

function parseRoot(path: string): string | null {
  const decoded = attempt(() => decodeURIComponent(path.replace(/\/$/, '')))
  if (decoded === '') return ''
  return decoded === null || parseName(decoded) === null ? null : `${decoded}/`
}

function parseParameters(query: string): Pick<S3Word, 'endpoint' | 'region' | 'style'> | null {
  const parameters = new URLSearchParams(query)
  const names = [...parameters.keys()]
  if (new Set(names).size < names.length) return null
  const { endpoint = null, region = null, style = null, ...others } = Object.fromEntries(parameters)
  if (Object.keys(others).length > 0 || (region !== null && !isRegion(region))) return null
  if (style !== null && style !== 'path' && style !== 'virtual') return null
  const address = endpoint && parseEndpoint(endpoint)
  return endpoint !== null && !address ? null : { endpoint: address, region, style }
}

/** The URL of a service, as `parseHttpUrl` parses it, without the slash at its end. */
export function parseEndpoint(text: string): string | null {
  return parseHttpUrl(text)?.replace(/\/+$/, '') ?? null
}

/** An http(s) URL without credentials, query and fragment, normalized; null for anything else. */
export function parseHttpUrl(text: string): string | null {
  if (!/^https?:\/\//i.test(text) || /[?#\s]/.test(text) || !URL.canParse(text)) return null
  const { username, password, href } = new URL(text)
  return username === '' && password === '' ? href : null
}

/** Whether `text` may be the name of a region, which becomes part of a URL. */
export function isRegion(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,62}$/i.test(text)
}

/**
 * The place of the bucket of an address, completed from `environment`. Without an endpoint it is AWS. The
 * bucket goes into the path with another endpoint, since not every service has a host name for each bucket,
 * and when its name has dots, which no certificate matches; otherwise into the host, as AWS recommends.
 */
export function toPlace(word: S3Word, environment: Pick<S3Word, 'endpoint' | 'region'>): S3Place {
  const region = word.region ?? environment.region ?? 'us-east-1'
  const endpoint = word.endpoint ?? environment.endpoint
  const isPath = endpoint !== null || !/^[a-z0-9-]+$/.test(word.bucket)
  const aws = `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`
  const style = word.style ?? (isPath ? 'path' : 'virtual')
  return { bucket: word.bucket, endpoint: endpoint ?? aws, region, style }
}
