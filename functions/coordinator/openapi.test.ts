import { describe } from 'vitest'
import { describeKinds, type Kind, toQuestion, whileWaiting } from '../http/openapi/openapi-kinds.suite.ts'
import { createTestSigner } from '../proof/signer.suite.ts'
import { createMemoryStorage } from '../storage/memory.ts'
import type { Storage, WritableStorage } from '../storage/storage.ts'
import { hash, toBytes } from '../storage/suite/set-up.suite.ts'
import { createSource, toPut } from '../storage/suite/suite-tools.suite.ts'
import { MAX_SURVEY_BYTES, MAX_URL_BYTES } from '../wire/limits.ts'
import { StorageError, type StorageErrorCode } from '../wire/storage-error.ts'
import type { CoordinatorOptions } from './coordinator.ts'
import { createMemoryLedger } from './ledger/memory-ledger.suite.ts'
import { DOCUMENT } from './openapi/document.ts'
import { coordinate as coordinateAll, refusing } from './set-up.suite.ts'

function coordinate(storages: Storage[], options: Partial<CoordinatorOptions> = {}) {
  return coordinateAll(storages, { writable: true, ...options })
}

const [OLD, NEW] = [await hash(toBytes('old')), await hash(toBytes('new'))]
const [one, other] = [
  createMemoryStorage({ 'same.txt': 'same', 'differ.txt': 'one', 'only.txt': 'x', 'was.txt': 'old' }),
  createMemoryStorage({ 'same.txt': 'same', 'differ.txt': 'other' }),
]
await one.put('was.txt', createSource(toBytes('new')).body, await toPut(toBytes('new'), OLD))

/** A storage that describes as `one` does, and fails every other call. */
function failing(code: StorageErrorCode): WritableStorage {
  const fail = () => Promise.reject(new StorageError(code, 'it failed'))
  return { ...one, open: fail, restore: fail, listKept: fail, describe: (names) => names.map(fail) }
}

const changing: Storage = { ...one, open: () => Promise.reject(new StorageError('changed', 'it changed')) }
const buggy: Storage = {
  ...one,
  listKept: () => {
    throw new Error('a bug')
  },
}

const both = coordinate([one, other])
const recorded = coordinate([one, other], { ledger: createMemoryLedger() })
await (await recorded.request('/audit')).text()
const signer = await createTestSigner('hq')
const signing = coordinate([one, other], { signers: [signer], ledger: createMemoryLedger() })
await (await signing.request('/tree')).text()
const half = coordinate([one, refusing])
const single = (storage: Storage) => coordinate([storage])
const closed = coordinate([one], { isAllowed: () => false })
const elsewhere = coordinate([one], { isOwnHost: () => false })
const readOnly = coordinate([one], { writable: false })

/** Audits that no client reads stay under way. */
const busy = coordinate([{ ...one, survey: () => never() }])
for (let i = 0; i < 4; i++) await busy.request('/audit')

async function* never(): AsyncGenerator<never> {
  await new Promise(() => {})
}

const foreign = { headers: { 'Sec-Fetch-Site': 'cross-site' } }
const accept = (type: string) => ({ headers: { Accept: type } })
const question = { prefix: '', match: [], exclude: [], rules: [{ prefix: '', policy: { keep: 'server1' } }] }
const restore = { replica: 'server1', name: 'was.txt', digest: OLD, replaces: NEW }
const step = {
  name: 'differ.txt',
  to: 'server2',
  digest: OLD,
  size: 3,
  seen: { server1: null, server2: null },
}
const plan = { vouch: 'plan', version: 1, replicas: ['server1', 'server2'], steps: [step] }

const reads: readonly Kind[] = [
  ['a unanimous file', 200, both, 'GET /files/same.txt'],
  ['an incomplete file', 200, both, 'GET /files/only.txt'],
  ['a degraded file', 200, half, 'GET /files/same.txt'],
  ['one version', 200, both, `GET /files/was.txt?version=${NEW}`],
  ['a receipt', 200, signing, 'GET /files/same.txt?receipt'],
  ['a receipt by its type', 200, signing, 'GET /files/only.txt', accept('text/vouch-receipt')],
  ['the head of a receipt', 200, signing, 'HEAD /files/same.txt?receipt'],
  ['a receipt that nobody signs', 'unsigned', both, 'GET /files/same.txt?receipt'],
  ['public keys', 200, signing, 'GET /keys'],
  ['the head of public keys', 200, signing, 'HEAD /keys'],
  ['no public keys', 'unsigned', both, 'GET /keys'],
  ['trees', 200, signing, 'GET /tree'],
  ['the head of trees', 200, signing, 'HEAD /tree'],
  ['trees of no names', 'invalid-parameter', signing, `GET /tree?prefix=${'a'.repeat(1025)}`],
  ['trees for another site', 'cross-site', signing, 'GET /tree', foreign],
  ['kept trees', 200, signing, 'GET /trees'],
  ['the head of kept trees', 200, signing, 'HEAD /trees'],
  ['no ledger of trees', 'no-ledger', both, 'GET /trees'],
  ['a pinned address', 307, both, 'GET /pinned/same.txt'],
  ['a part of a pinned address', 428, both, 'GET /pinned/same.txt', { headers: { Range: 'bytes=1-' } }],
  ['the head of a pinned address', 307, both, 'HEAD /pinned/same.txt'],
  ['every version instead of one address', 300, both, 'GET /pinned/differ.txt', accept('multipart/mixed')],
  ['the head of that', 300, both, 'HEAD /pinned/differ.txt', accept('multipart/mixed')],
  ['one copy', 200, both, 'GET /files/differ.txt?replica=server2'],
  ['a file as WebDAV', 200, both, 'GET /dav/same.txt'],
  ['the head of a file as WebDAV', 200, both, 'HEAD /dav/same.txt'],
  ['a copy beside a conflict', 200, both, 'GET /dav/differ.txt.server1'],
  ['the whole as a part', 206, both, 'GET /dav/same.txt', { headers: { Range: 'bytes=0-' } }],
  ['no change as WebDAV', 304, both, 'GET /dav/same.txt', { headers: { 'If-None-Match': '*' } }],
  ['no change of a head as WebDAV', 304, both, 'HEAD /dav/same.txt', { headers: { 'If-None-Match': '*' } }],
  ['a conflict as WebDAV', 'conflict', both, 'GET /dav/differ.txt'],
  ['every version as WebDAV', 300, both, 'GET /dav/differ.txt', accept('multipart/mixed')],
  ['the head of every version as WebDAV', 300, both, 'HEAD /dav/differ.txt', accept('multipart/mixed')],
  [
    'a part of just any content',
    'version-required',
    both,
    'GET /dav/same.txt',
    { headers: { Range: 'bytes=1-' } },
  ],
  [
    'a part of just any copy',
    'version-required',
    both,
    'GET /dav/differ.txt.server1',
    { headers: { Range: 'bytes=1-' } },
  ],
  ['the head of a file', 200, both, 'HEAD /files/same.txt'],
  ['a part', 206, both, 'GET /files/same.txt', { headers: { Range: 'bytes=1-2' } }],
  [
    'a part of one copy',
    206,
    both,
    'GET /files/same.txt?replica=server1',
    { headers: { Range: 'bytes=1-' } },
  ],
  ['no change', 304, both, 'GET /files/same.txt', { headers: { 'If-None-Match': '*' } }],
  ['no change of a head', 304, both, 'HEAD /files/same.txt', { headers: { 'If-None-Match': '*' } }],
  [
    'a failed condition',
    'precondition-failed',
    both,
    'GET /files/same.txt',
    { headers: { 'If-Match': '"x"' } },
  ],
  ['a failed condition on a head', 412, both, 'HEAD /files/same.txt', { headers: { 'If-Match': '"x"' } }],
  [
    'a range outside',
    'range-not-satisfiable',
    both,
    'GET /files/same.txt',
    { headers: { Range: 'bytes=9-' } },
  ],
  ['a conflict', 'conflict', both, 'GET /files/differ.txt'],
  [
    'a conflict while a replica is silent',
    'conflict',
    coordinate([one, other, refusing]),
    'GET /files/differ.txt',
  ],
  ['the head of a conflict', 409, both, 'HEAD /files/differ.txt'],
  ['a conflict as a page', 409, both, 'GET /files/differ.txt', accept('text/html')],
  ['every version', 300, both, 'GET /files/differ.txt', accept('multipart/mixed')],
  ['the head of every version', 300, both, 'HEAD /files/differ.txt', accept('multipart/mixed')],
  [
    'a missing copy, strictly',
    'incomplete',
    both,
    'GET /files/only.txt',
    { headers: { Prefer: 'handling=strict' } },
  ],
  ['an absent file', 'not-found', both, 'GET /files/nothing'],
  ['an absent copy', 'not-found', both, 'GET /files/only.txt?replica=server2'],
  ['an unknown file', 'existence-unknown', half, 'GET /files/nothing'],
  ['too few answers', 'too-few-answers', half, 'GET /files/same.txt?require=all'],
  ['a file that keeps changing', 'changed-while-reading', single(changing), 'GET /files/same.txt'],
  [
    'a copy that keeps changing',
    'changed-while-reading',
    single(changing),
    'GET /files/same.txt?replica=server1',
  ],
  ['a copy out of reach', 'unreachable', half, 'GET /files/same.txt?replica=server2'],
  ['a copy that rots', 'integrity-failure', single(failing('integrity')), 'GET /files/x?replica=server1'],
  ['a copy that is not a file', 'not-a-file', single(failing('not-a-file')), 'GET /files/x?replica=server1'],
  ['a copy that cannot be read', 'unreadable', single(failing('unreadable')), 'GET /files/x?replica=server1'],
  ['an invalid name', 'invalid-name', both, 'GET /files/..%2fx'],
  ['an invalid parameter', 'invalid-parameter', both, 'GET /files/x?require=none'],
]

const wholes: readonly Kind[] = [
  ['a listing', 200, both, 'GET /files?limit=2'],
  ['the head of a listing', 200, half, 'HEAD /files'],
  ['a listing that one replica does not answer', 200, half, 'GET /files?prefix=s'],
  ['a listing that no replica answers', 'too-few-answers', single(refusing), 'GET /files'],
  ['an invalid limit', 'invalid-parameter', both, 'GET /files?limit=none'],
  ['an audit', 200, both, 'GET /audit'],
  ['an audit of all, to the bytes', 200, both, 'GET /audit?all&deep=true&match=*.txt'],
  ['a part of an audit', 200, both, 'GET /audit?after=a&until=z&names=2&seconds=99'],
  ['a part that ends before it begins', 'invalid-parameter', both, 'GET /audit?after=b&until=a'],
  ['a part of no names', 'invalid-parameter', both, 'GET /audit?names=0'],
  ['an audit that one replica does not answer', 200, half, 'GET /audit?all'],
  ['the head of an audit', 200, both, 'HEAD /audit'],
  ['an estimate', 200, both, 'GET /estimate?prefix=a&deep'],
  ['the head of an estimate', 200, both, 'HEAD /estimate'],
  ['an invalid estimate', 'invalid-parameter', both, 'GET /estimate?every'],
  ['an invalid audit', 'invalid-parameter', both, 'GET /audit?every'],
  ['an audit for another site', 'cross-site', both, 'GET /audit', foreign],
  ['too many audits', 'overloaded', busy, 'GET /audit'],
  ['many files', 200, both, 'POST /reads', toQuestion({ names: ['same.txt'] })],
  ['many files of no names', 'invalid-body', both, 'POST /reads', toQuestion({})],
  ['many files for another site', 'cross-site', both, 'POST /reads', foreign],
  ['a plan', 200, both, 'POST /plan', toQuestion(question)],
  [
    'a plan that one replica does not answer',
    200,
    half,
    'POST /plan',
    toQuestion({ ...question, rules: [] }),
  ],
  ['an invalid plan', 'invalid-body', both, 'POST /plan', toQuestion({})],
  ['a plan for another site', 'cross-site', both, 'POST /plan', foreign],
  ['a plan of another type', 'unsupported-media-type', both, 'POST /plan', { body: '{}' }],
  ['too large a plan', 'too-large', both, 'POST /plan', toQuestion(' '.repeat(MAX_SURVEY_BYTES))],
  ['a plan that comes too slowly', 'request-timeout', whileWaiting(both), 'POST /plan', toQuestion({})],
  ['too many plans', 'overloaded', busy, 'POST /plan', toQuestion({ ...question, rules: [] })],
  ['the result of a plan', 200, both, 'POST /apply', toQuestion(plan)],
  [
    'a plan for other replicas',
    'invalid-body',
    half,
    'POST /apply',
    toQuestion({ ...plan, replicas: ['nas'] }),
  ],
  ['a change for another site', 'cross-site', both, 'POST /apply', foreign],
  ['a plan for a read-only coordinator', 'read-only', readOnly, 'POST /apply', toQuestion(plan)],
]

const others: readonly Kind[] = [
  ['the kept contents', 200, both, 'GET /kept?replica=server1'],
  ['the head of the kept contents', 200, both, 'HEAD /kept?replica=server1'],
  ['the kept contents of an unknown replica', 'invalid-parameter', both, 'GET /kept'],
  ['kept contents out of reach', 'unreachable', half, 'GET /kept?replica=server2'],
  [
    'a restore that was overtaken',
    'precondition-failed',
    both,
    'POST /restore',
    toQuestion({ ...restore, replaces: OLD }),
  ],
  ['a restored content', 200, both, 'POST /restore', toQuestion(restore)],
  [
    'a content that is not kept',
    'not-kept',
    both,
    'POST /restore',
    toQuestion({ ...restore, name: 'x', replaces: null }),
  ],
  ['an invalid restore', 'invalid-body', both, 'POST /restore', toQuestion(null)],
  ['a restore for another site', 'cross-site', both, 'POST /restore', foreign],
  ['a restore on a read-only coordinator', 'read-only', readOnly, 'POST /restore', toQuestion(restore)],
  ['the replicas', 200, half, 'GET /replicas'],
  ['the head of the replicas', 200, both, 'HEAD /replicas'],
  ['the replicas in another form', 'not-acceptable', both, 'GET /replicas', accept('text/html')],
  ['a listing for another site', 'cross-site', both, 'GET /files', foreign],
  ['the kept contents, for another site', 'cross-site', both, 'GET /kept?replica=server1', foreign],
  ['readiness for another site', 'cross-site', both, 'GET /readyz', foreign],
  ['health', 200, closed, 'GET /healthz'],
  ['a verification', 200, recorded, 'POST /verify', toQuestion({ portion: 0.5 })],
  ['a verification without a ledger', 'no-ledger', both, 'POST /verify', toQuestion({})],
  ['a verification of too much', 'invalid-body', recorded, 'POST /verify', toQuestion({ portion: 2 })],
  ['the status', 200, recorded, 'GET /status'],
  ['the status without a ledger', 'no-ledger', both, 'GET /status'],
  ['the status for another site', 'cross-site', recorded, 'GET /status', foreign],
  ['the head of the status', 200, recorded, 'HEAD /status'],
  ['the head of what differs', 200, recorded, 'HEAD /differences'],
  ['the head of a history', 200, recorded, 'HEAD /history/differ.txt'],
  ['what differs', 200, recorded, 'GET /differences?limit=2'],
  ['what differs without a ledger', 'no-ledger', both, 'GET /differences'],
  ['what differs by an invalid limit', 'invalid-parameter', recorded, 'GET /differences?limit=none'],
  ['what differs for another site', 'cross-site', recorded, 'GET /differences', foreign],
  ['the history of a name', 200, recorded, 'GET /history/differ.txt'],
  ['the history without a ledger', 'no-ledger', both, 'GET /history/differ.txt'],
  ['the history of an invalid name', 'invalid-name', recorded, 'GET /history/a//b'],
  ['the history for another site', 'cross-site', recorded, 'GET /history/differ.txt', foreign],
  ['readiness', 200, both, 'GET /readyz'],
  ['the head of readiness', 200, both, 'HEAD /readyz'],
  ['a coordinator that is not ready', 'too-few-answers', single(refusing), 'GET /readyz'],
  ['the head of health', 200, both, 'HEAD /healthz'],
  ['itself', 200, both, 'GET /openapi.json'],
  ['its own head', 200, both, 'HEAD /openapi.json'],
  ['another path', 'no-such-resource', both, 'GET /nowhere'],
  ['another method', 'method-not-allowed', both, 'DELETE /files/same.txt'],
  ['another method of a list', 'method-not-allowed', both, 'POST /files'],
  ['a long address', 'uri-too-long', both, `GET /files/${'x'.repeat(MAX_URL_BYTES)}`],
  ['a long address elsewhere', 'uri-too-long', both, `GET /${'x'.repeat(MAX_URL_BYTES)}`],
  ['a client without a token', 'unauthorized', closed, 'GET /files/same.txt'],
  ['a client without a token at another path', 'unauthorized', closed, 'GET /nowhere'],
  ['another host', 'misdirected', elsewhere, 'GET /files/same.txt'],
  ['another host, elsewhere', 'misdirected', elsewhere, 'GET /nowhere'],
  ['a bug', 'internal-error', single(buggy), 'GET /kept?replica=server1'],
]

describe("the coordinator's document", () => {
  describeKinds(DOCUMENT, [...reads, ...wholes, ...others], {
    'fields-too-large': 'by the host, before there is a request: runtime/node/http/serve.test.ts',
    'length-required': 'on a replica alone',
    'malformed-request': 'by the host, before there is a request: runtime/node/http/serve.test.ts',
    'precondition-required': 'on a replica alone',
  })
})
