import { parseName } from '../../functions/storage/names.ts'

/** Where a bucket is asked for: in the path of an address, or as its first label. */
export type Style = 'path' | 'virtual'

/** What a word `s3://bucket/prefix` names; null where it leaves the choice to the environment. */
export interface S3Word {
  readonly bucket: string
  /** What all keys begin with: '' or ending in a slash. */
  readonly root: string
  /** The address of the service, an http(s) URL without a slash at its end. */
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

/** What an `s3://` word is, for the line that refuses another. */
export const S3_RULE =
  's3://BUCKET or s3://BUCKET/PREFIX, with ?endpoint=URL, &region=NAME and &style=path or virtual where needed'

const WORD = /^s3:\/\/(?<bucket>[^/?#@:]+)(?:\/(?<path>[^?#]*))?(?:\?(?<query>[^#]*))?$/i

/** What the word names; null for anything else, such as one that holds a key: those belong in the environment. */
export function parseS3Word(text: string): S3Word | null {
  const { bucket = '', path = '', query = '' } = WORD.exec(text)?.groups ?? {}
  const root = parseRoot(path)
  const more = parseParameters(query)
  return isBucket(bucket) && root !== null && more !== null ? { bucket, root, ...more } : null
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, and the older names with `_`. */
function isBucket(text: string): boolean {
  return /^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i.test(text) && !text.includes('..')
}

function parseRoot(path: string): string | null {
  const decoded = decode(path.replace(/\/$/, ''))
  if (decoded === '') return ''
  return decoded === null || parseName(decoded) === null ? null : `${decoded}/`
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
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

/** The address of a service without the slash at its end: http(s), no user, query or fragment; null for anything else. */
export function parseEndpoint(text: string): string | null {
  if (!/^https?:\/\//i.test(text) || /[?#\s]/.test(text) || !URL.canParse(text)) return null
  const { username, password, href } = new URL(text)
  return username === '' && password === '' ? href.replace(/\/+$/, '') : null
}

/** Whether `text` may be the name of a region: it becomes part of an address. */
export function isRegion(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,62}$/i.test(text)
}

/**
 * Where the bucket of a word is, `endpoint` and `region` being what the environment says or null. Without an endpoint
 * it is AWS's own. The bucket goes into the path where there is one, as not every service has a name for each bucket,
 * and where its own name has dots, for which no certificate is good; else into the host, as AWS wants it.
 */
export function toPlace(word: S3Word, environment: Pick<S3Word, 'endpoint' | 'region'>): S3Place {
  const region = word.region ?? environment.region ?? 'us-east-1'
  const endpoint = word.endpoint ?? environment.endpoint
  const isPath = endpoint !== null || !/^[a-z0-9-]+$/.test(word.bucket)
  return {
    bucket: word.bucket,
    endpoint: endpoint ?? toAwsEndpoint(region),
    region,
    style: word.style ?? (isPath ? 'path' : 'virtual'),
  }
}

function toAwsEndpoint(region: string): string {
  return `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`
}
