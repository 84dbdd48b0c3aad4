import { UNKEPT } from '../../wire/attributes.ts'
import { SECURITY_FIELDS } from '../answer.ts'
import type { Header, Headers } from './types.ts'

const SF_TOKEN = "[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*"
const AGREEMENT = `^${SF_TOKEN};answered=\\d+;of=\\d+$`
const STATUS = `^${SF_TOKEN};state=[a-z]+[^,]*(?:, ${SF_TOKEN};state=[a-z]+[^,]*)*$`
const HTTP_DATE = '^[A-Z][a-z]{2}, \\d{2} [A-Z][a-z]{2} \\d{4} \\d{2}:\\d{2}:\\d{2} GMT$'

const own = {
  'Accept-Ranges': toText('Ranges are supported (RFC 9110 §14.3).', '^bytes$'),
  Allow: toText('The methods that the resource supports.', '^[A-Z]+(?:, [A-Z]+)*$'),
  'Cache-Control': toText(
    'Whether a cache may store it: only with revalidation.',
    '^no-(?:store|cache, no-transform)$',
  ),
  'Content-Length': {
    ...toText('The length of the body, or of that of GET, in bytes.'),
    schema: { type: 'integer', minimum: 0 },
  },
  'Content-Location': toText(
    'Where this version alone is, relative to the URL.',
    '^\\?version=[0-9a-f]{64}$',
  ),
  'Content-Range': toText('The range, or the length of the whole.', '^bytes (?:\\d+-\\d+|\\*)/\\d+$'),
  Digest: toText('The same as Repr-Digest, for older clients (RFC 3230).', '^SHA-256=[A-Za-z0-9+/]{43}=$'),
  'Digest-Evidence': toText(
    'How the digest is known: an Item of RFC 9651. read: from the bytes, for this answer. remembered: from the bytes, age seconds ago. stored: from the checksum that the store keeps. recorded: from an earlier list.',
    '^(?:read;age=0|stored|(?:remembered|recorded)(?:;age=\\d+)?)$',
  ),
  ETag: toText('Strong, the SHA-256 in hexadecimal: the same on every server.', '^"[0-9a-f]{64}"$'),
  'File-Modes': toText(
    'For HEAD, if the store has permissions: those of the directories above the file, and last its own, in octal.',
    '^[0-7]{1,3}(?:, [0-7]{1,3})*$',
  ),
  'File-Modified': toText(
    'When the content was modified, if known: seconds since 1970, with up to three decimals.',
    '^-?\\d+(?:\\.\\d{1,3})?$',
  ),
  'Last-Modified': toText('When the content changed, if known.', HTTP_DATE),
  Link: toText('The address of this version, and of its metalink (RFC 6249).', '^<\\?version='),
  Location: toText('The path of the file.', '^/files/'),
  'Not-Kept': toText(
    'The attributes that the file could not keep or take: a List of RFC 9651.',
    `^(?:${UNKEPT.join('|')})(?:, (?:${UNKEPT.join('|')}))*$`,
  ),
  'Replica-Agreement': toText(
    'The result of the comparison, and how many of how many replicas answered: an Item of RFC 9651.',
    AGREEMENT,
  ),
  'Replica-Status': toText(
    'The state of each replica, in order: a List of RFC 9651. States: match, differ, missing, error, corrupt. For a replica that holds a content, evidence and age are how it knows the digest (see Digest-Evidence).',
    STATUS,
  ),
  'Repr-Digest': toText('The SHA-256 of the whole content (RFC 9530).', '^sha-256=:[A-Za-z0-9+/]{43}=:$'),
  'Retry-After': { ...toText('Seconds after which to retry.'), schema: { type: 'integer', minimum: 1 } },
  Vary: toText('The request fields that it depends on.', '^Accept$'),
  'WWW-Authenticate': toText('How to authenticate (RFC 6750 §3).', '^Bearer realm="vouch"$'),
} as const satisfies Record<string, Header>

/** A field of the answers of either server. */
export type HeaderName = keyof typeof own

const security = Object.entries(SECURITY_FIELDS).map(([name, value]): [string, Header] => [
  name,
  {
    description:
      'Keeps browsers from running the content, guessing its type, embedding it, and sending referrers.',
    required: true,
    schema: { type: 'string', examples: [value] },
  },
])

/** Every field, for the components of a document. */
export const HEADERS: Readonly<Record<string, Header>> = { ...own, ...Object.fromEntries(security) }

const always = Object.fromEntries(security.map(([name]) => [name, toPointer(name)]))

/** The fields of an answer: those of every answer, those that it `has`, and those that it `may` have. */
export function toHeaders(has: readonly HeaderName[], may: readonly HeaderName[] = []): Headers {
  const optional = may.map((name) => [name, { ...own[name], required: false }] as const)
  const required = has.map((name) => [name, toPointer(name)] as const)
  return { ...Object.fromEntries([...optional, ...required]), ...always }
}

function toPointer(name: string) {
  return { $ref: `#/components/headers/${name}` }
}

function toText(description: string, pattern?: string): Header {
  return {
    description,
    required: true,
    schema: { type: 'string', ...(pattern !== undefined && { pattern }) },
  }
}
