import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { parseDictionary, parseItem, parseList, Token } from 'structured-headers'
import { describe, expect, test } from 'vitest'
import type { ReplicaReport } from '../schemas/manifest.ts'
import { AGREEMENTS, EVIDENCES } from '../schemas/values.ts'
import { toHttpDate } from './dates.ts'
import {
  parseDigestEvidence,
  parseEtag,
  parseReplicaAgreement,
  parseReplicaStatus,
  parseReprDigest,
  toDigestEvidence,
  toEtag,
  toReplicaAgreement,
  toReplicaStatus,
  toReprDigest,
} from './fields.ts'

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const EMPTY_BASE64 = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
const digests = fc.stringMatching(/^[0-9a-f]{64}$/)
const fieldText = fc.stringMatching(/^[\t\x20-\x7e\x80-\xff]{0,40}$/)

describe('Repr-Digest', () => {
  test('carries the digest in base64 as node:crypto writes it', () => {
    expect(toReprDigest(EMPTY)).toBe(`sha-256=:${EMPTY_BASE64}:`)
    const property = fc.property(fc.string(), (content) => {
      const hash = () => createHash('sha256').update(content)
      expect(toReprDigest(hash().digest('hex'))).toBe(`sha-256=:${hash().digest('base64')}:`)
    })
    fc.assert(property)
  })

  test('is a Dictionary to structured-headers', () => {
    const [value] = parseDictionary(toReprDigest(EMPTY)).get('sha-256') ?? []
    expect(value).toEqual(new Uint8Array(Buffer.from(EMPTY, 'hex')).buffer)
  })

  test('is parsed as it was written', () => {
    fc.assert(
      fc.property(digests, (digest) => {
        expect(parseReprDigest(toReprDigest(digest))).toBe(digest)
      }),
    )
  })

  test.each([
    [`sha-512=:AAAA:, sha-256=:${EMPTY_BASE64}:`, 'another algorithm first'],
    [`sha-256=:${EMPTY_BASE64}:,unixsum=:AAE=:`, 'another algorithm after'],
    [`sha-256=:${EMPTY_BASE64}:;note=1`, 'a parameter'],
    [`sha-256=:AAAA:, sha-256=:${EMPTY_BASE64}:`, 'the last of two counts (RFC 9651 §4.2.2)'],
  ])('is read from %j: %s', (field) => {
    expect(parseReprDigest(field)).toBe(EMPTY)
  })

  test.each([
    ['', 'empty'],
    ['sha-512=:AAAA:', 'another algorithm alone'],
    ['sha-256=:AAAA:', 'too few bytes'],
    [`sha-256=:${EMPTY_BASE64.replace('=', 'AA==')}:`, 'too many bytes'],
    [`sha-256=${EMPTY_BASE64}`, 'no colons'],
    [`sha-256=:${EMPTY_BASE64}`, 'one colon'],
    [`sha-256="${EMPTY}"`, 'a String'],
    [`sha-256=(:${EMPTY_BASE64}:)`, 'an Inner List'],
    ['sha-256', 'a Boolean'],
    [`SHA-256=:${EMPTY_BASE64}:`, 'a key in capitals'],
    [`sha-256=:${EMPTY_BASE64}:,`, 'a comma at the end'],
    [`sha-256=:${EMPTY_BASE64.replace('4', '-')}:`, 'base64url'],
    [`sha-256=:${EMPTY_BASE64}: sha-512=:AAAA:`, 'no comma'],
  ])('is null from %j: %s', (field) => {
    expect(parseReprDigest(field)).toBeNull()
  })
})

describe('ETag', () => {
  test('is the digest in quotes', () => {
    expect(toEtag(EMPTY)).toBe(`"${EMPTY}"`)
    fc.assert(
      fc.property(digests, (digest) => {
        expect(parseEtag(toEtag(digest))).toBe(digest)
      }),
    )
  })

  test.each([
    [`W/"${EMPTY}"`, 'weak'],
    [EMPTY, 'no quotes'],
    [`'${EMPTY}'`, 'other quotes'],
    [`"${EMPTY.toUpperCase()}"`, 'capitals'],
    [`"${EMPTY.slice(1)}"`, 'a digit too few'],
    [`"${EMPTY}0"`, 'a digit too many'],
    [`"${EMPTY}" `, 'a blank at the end'],
    [`"${EMPTY}", "${EMPTY}"`, 'a list'],
    [`"${EMPTY}\n"`, 'a line end'],
    ['""', 'an empty tag'],
    ['"', 'a lone quote'],
    ['', 'empty'],
    ['*', 'a star'],
  ])('is not a digest when it is %j: %s', (field) => {
    expect(parseEtag(field)).toBeNull()
  })
})

const ids = fc.stringMatching(/^[A-Za-z][A-Za-z0-9._-]{0,20}$/)
const errors = fc.stringMatching(/^[A-Za-z*][A-Za-z0-9:/!#$%&'*+.^_`|~-]{0,20}$/)
const known = { evidence: fc.constantFrom(...EVIDENCES), age: fc.nat({ max: 2 ** 31 - 1 }) }
const reports: fc.Arbitrary<ReplicaReport> = fc.oneof(
  fc.record({ id: ids, state: fc.constantFrom('match', 'missing') }),
  fc.record(
    { id: ids, state: fc.constant('match'), ...known },
    { requiredKeys: ['id', 'state', 'evidence'] },
  ),
  fc.record({ id: ids, state: fc.constant('differ'), version: digests, ...known }),
  fc.record({ id: ids, state: fc.constant('error'), error: errors }),
  fc.record(
    { id: ids, state: fc.constant('corrupt'), version: digests, error: errors },
    { requiredKeys: ['id', 'state'] },
  ),
)

describe('Replica-Status', () => {
  test('names every replica in order, with its state and details', () => {
    const status = toReplicaStatus([
      { id: 'server1', state: 'match', version: EMPTY, evidence: 'remembered', age: 86_400 },
      { id: 'server2', state: 'differ', version: EMPTY, evidence: 'stored' },
      { id: 'server3', state: 'missing' },
      { id: 'nas', state: 'error', error: 'connection_timeout', detail: 'did not answer within 10 s' },
    ])
    expect(status).toBe(
      `server1;state=match;evidence=remembered;age=86400, server2;state=differ;version="${EMPTY}";evidence=stored, server3;state=missing, ` +
        'nas;state=error;error=connection_timeout',
    )
  })

  test('is a List of Tokens to structured-headers, versions Strings, states and errors Tokens', () => {
    const property = fc.property(fc.array(reports), (sent) => {
      const expected = sent.map(({ id, ...report }) => [new Token(id), toParameters(report)])
      expect(parseList(toReplicaStatus(sent))).toEqual(expected)
    })
    fc.assert(property)
  })

  test('is parsed as it was written', () => {
    const property = fc.property(fc.array(reports), (sent) => {
      expect(parseReplicaStatus(toReplicaStatus(sent))).toEqual(sent)
    })
    fc.assert(property)
  })

  test('is a valid field for any error', () => {
    const property = fc.property(fc.string(), (error) => {
      const status = toReplicaStatus([{ id: 'a', state: 'error', error }])
      expect(parseReplicaStatus(status)).toEqual([{ id: 'a', state: 'error', error: expect.any(String) }])
    })
    fc.assert(property)
  })

  test.each(['', 'two words', 'a;b', 'a,b', '"a"', '1', 'é', 'a\r\nb: c', 'a\n'])(
    'writes proxy_internal_error for the error %j, which is not a Token',
    (error) => {
      const status = toReplicaStatus([{ id: 'a', state: 'error', error }])
      expect(status).toBe('a;state=error;error=proxy_internal_error')
    },
  )

  test('ignores unknown parameters', () => {
    expect(parseReplicaStatus('a;state=match;more=3;x')).toEqual([{ id: 'a', state: 'match' }])
  })

  test('is read with other white space, and as several fields joined', () => {
    const expected = [
      { id: 'a', state: 'match' },
      { id: 'b', state: 'missing' },
    ]
    expect(parseReplicaStatus('a; state=match\t,b;state=missing ')).toEqual(expected)
  })

  test.each([
    ['a', 'no state'],
    ['a;state', 'a state that is a Boolean'],
    ['a;state="match"', 'a state that is a String'],
    ['a;state=fine', 'an invalid state'],
    ['"a";state=match', 'an id that is a String'],
    ['*a;state=match', 'a Token that is not an id'],
    ['(a b);state=match', 'an Inner List'],
    ['1;state=match', 'an Integer'],
    [`a;state=differ;version=${EMPTY}x`, 'a version that is a Token'],
    ['a;state=differ;version="x"', 'a version that is not a digest'],
    ['a;state=differ;version', 'a version that is a Boolean'],
    ['a;state=error;error="x"', 'an error that is a String'],
    ['a;state=error;error=1', 'an error that is an Integer'],
    ['a;state=match;evidence="read"', 'evidence that is a String'],
    ['a;state=match;evidence=guessed', 'evidence of an unknown kind'],
    ['a;state=match;evidence=read;age=-1', 'an age below 0'],
    ['a;state=match;evidence=read;age=1.5', 'an age with a fraction'],
    ['a;state=match;evidence=read;age="0"', 'an age that is a String'],
    ['a;state=match;evidence=read;age=2147483648', 'an age above every other'],
    ['a;state=match,', 'a comma at the end'],
    ['a;state=match b;state=match', 'no comma'],
    ['a;state=match, b', 'one good and one bad'],
  ])('is null from %j: %s', (field) => {
    expect(parseReplicaStatus(field)).toBeNull()
  })
})

function toParameters(report: Omit<ReplicaReport, 'id'>): Map<string, unknown> {
  const { state, version, error, evidence, age } = report
  const parameters = new Map<string, unknown>([['state', new Token(state)]])
  if (version !== undefined) parameters.set('version', version)
  if (error !== undefined) parameters.set('error', new Token(error))
  if (evidence !== undefined) parameters.set('evidence', new Token(evidence))
  if (age !== undefined) parameters.set('age', age)
  return parameters
}

describe('Digest-Evidence', () => {
  test('is parsed as it was written', () => {
    for (const age of [0, 1, 86_400, 2 ** 31 - 1, null]) {
      const sent = { evidence: 'remembered', age } as const
      expect(parseDigestEvidence(toDigestEvidence(sent))).toEqual(sent)
    }
    expect(parseDigestEvidence(toDigestEvidence({ evidence: 'read', age: 0 }))).toEqual({
      evidence: 'read',
      age: 0,
    })
    expect(toDigestEvidence({ evidence: 'stored', age: null })).toBe('stored')
    expect(toDigestEvidence({ evidence: 'remembered', age: 86_400 })).toBe('remembered;age=86400')
  })

  test.each([
    ['', 'remembered', null],
    ['computed', 'remembered', null],
    ['read', 'remembered', null],
    ['read;age=5', 'remembered', 5],
    ['read;age="0"', 'remembered', null],
    ['read;age=0.5', 'remembered', null],
    ['read;age=-1', 'remembered', null],
    ['"read";age=0', 'remembered', null],
    ['read;age=0, read;age=0', 'remembered', null],
    ['stored;age=5', 'stored', null],
    ['recorded;age=7', 'recorded', 7],
    ['read;age=0;more', 'read', 0],
  ])('claims no more than %j does', (field, evidence, age) => {
    expect(parseDigestEvidence(field)).toEqual({ evidence, age })
  })
})

describe('Replica-Agreement', () => {
  test('names the agreement, and how many replicas answered of how many', () => {
    expect(toReplicaAgreement('unanimous', 2, 2)).toBe('unanimous;answered=2;of=2')
    expect(toReplicaAgreement('unknown', 0, 3)).toBe('unknown;answered=0;of=3')
  })

  test('is an Item to structured-headers, and is parsed as it was written', () => {
    const property = fc.property(
      fc.constantFrom(...AGREEMENTS),
      fc.nat(),
      fc.nat(),
      (agreement, answered, of) => {
        const field = toReplicaAgreement(agreement, answered, of)
        const parameters = new Map(Object.entries({ answered, of }))
        expect(parseItem(field)).toEqual([new Token(agreement), parameters])
        expect(parseReplicaAgreement(field)).toEqual({ agreement, answered, of })
      },
    )
    fc.assert(property)
  })

  test('ignores unknown parameters', () => {
    const expected = { agreement: 'unanimous', answered: 2, of: 2 }
    expect(parseReplicaAgreement('unanimous;of=2;answered=2;x=y')).toEqual(expected)
  })

  test.each([
    ['', 'empty'],
    ['unanimous', 'no counts'],
    ['unanimous;answered=2', 'one count'],
    ['unanimous;answered=2;of', 'a Boolean for a count'],
    ['unanimous;answered="2";of=2', 'a String for a count'],
    ['unanimous;answered=-1;of=2', 'a count below 0'],
    ['unanimous;answered=1.5;of=2', 'a count that is not a whole number'],
    ['fine;answered=2;of=2', 'no agreement'],
    ['"unanimous";answered=2;of=2', 'a String'],
    ['unanimous;answered=2;of=2, absent;answered=2;of=2', 'two fields joined'],
  ])('is null from %j: %s', (field) => {
    expect(parseReplicaAgreement(field)).toBeNull()
  })
})

test('no field that HTTP can carry makes a parser throw', () => {
  const parsers = [parseReprDigest, parseEtag, parseReplicaStatus, parseReplicaAgreement]
  const near = fc.stringMatching(/^[a-c"();,=:?@%0-9. *-]{0,16}$/)
  const property = fc.property(fc.oneof(fieldText, near), (field) => {
    for (const parse of parsers) parse(field)
  })
  fc.assert(property, { numRuns: 3000 })
})

describe('toHttpDate', () => {
  test.each([
    [Date.UTC(1994, 10, 6, 8, 49, 37), 'Sun, 06 Nov 1994 08:49:37 GMT', 'the example of RFC 9110'],
    [999, 'Thu, 01 Jan 1970 00:00:00 GMT', 'cut to the second'],
    [-1, 'Wed, 31 Dec 1969 23:59:59 GMT', 'cut downwards before 1970 too'],
    [0.5, 'Thu, 01 Jan 1970 00:00:00 GMT', 'a fraction of a millisecond'],
    [8.64e15, 'Fri, 31 Dec 9999 23:59:59 GMT', 'later than the format can express'],
    [Number.MAX_SAFE_INTEGER, 'Fri, 31 Dec 9999 23:59:59 GMT', 'later than Date can express'],
    [-8.64e15, 'Sat, 01 Jan 0000 00:00:00 GMT', 'earlier than the format can express'],
  ])('writes %d as %j: %s', (ms, expected) => {
    expect(toHttpDate(ms)).toBe(expected)
  })
})
