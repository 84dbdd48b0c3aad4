import { describe } from 'vitest'
import { describeKinds, type Kind, toQuestion, whileWaiting } from '../http/openapi/openapi-kinds.suite.ts'
import { createTestSigner } from '../proof/signer.suite.ts'
import { createMemoryStorage } from '../storage/memory.ts'
import type { Storage, WritableStorage } from '../storage/storage.ts'
import { createTestHasher, hash, toBytes } from '../storage/suite/set-up.suite.ts'
import { createSource, toPut } from '../storage/suite/suite-tools.suite.ts'
import { NOTHING_SEEN } from '../storage/survey/survey.ts'
import { toReprDigest } from '../wire/fields/fields.ts'
import { MAX_MOVE_BYTES, MAX_RESTORE_BYTES, MAX_URL_BYTES } from '../wire/limits.ts'
import { StorageError, type StorageErrorCode } from '../wire/storage-error.ts'
import { DOCUMENT } from './openapi.ts'
import { createReplica } from './replica.ts'

const [OLD, NEW] = [await hash(toBytes('old')), await hash(toBytes('new'))]
const storage = createMemoryStorage({ 'file.txt': 'file', 'was.txt': 'old' })
await storage.put('was.txt', createSource(toBytes('new')).body, await toPut(toBytes('new'), OLD))

/** A storage that fails every call. */
function failing(error: Error): WritableStorage {
  const fail = () => Promise.reject(error)
  return {
    ...storage,
    open: fail,
    list: fail,
    describe: (names) => names.map(fail),
    put: fail,
    survey: failed(fail),
  }
}

function failed(fail: () => Promise<never>): NonNullable<Storage['survey']> {
  return async function* () {
    yield { seen: NOTHING_SEEN, of: { names: 1, bytes: 1 } }
    await fail()
  }
}

const serve = (storage: Storage) => createReplica(storage, { writable: true, createHasher: createTestHasher })
const inTrouble = (code: StorageErrorCode) => serve(failing(new StorageError(code, 'it failed')))

const app = serve(storage)
const signer = await createTestSigner('nas')
const signing = createReplica(storage, { signers: [signer], createHasher: createTestHasher })
const readOnly = createReplica(storage)
const foreign = { headers: { 'Sec-Fetch-Site': 'cross-site' } }
const closed = createReplica(storage, { isAllowed: () => false })
const elsewhere = createReplica(storage, { isOwnHost: () => false })

const named = { names: ['file.txt', 'nothing', '../up'] }
const everything = {
  ranges: [{ after: '', until: null }],
  ...{ prefix: '', grain: 0, maxAge: null, match: [], exclude: [] },
}
const move = { from: 'old', to: 'dir/new', digest: OLD, modes: [0o750, 0o640] }
const { move: _, ...fixed } = createMemoryStorage()
const restore = { name: 'was.txt', digest: OLD, replaces: NEW }

function toWrite(fields: Record<string, string>): RequestInit {
  return { headers: { 'Content-Length': '3', 'Repr-Digest': toReprDigest(NEW), ...fields }, body: 'new' }
}

const files: readonly Kind[] = [
  ['a file', 200, app, 'GET /files/file.txt'],
  ['the head of a file', 200, app, 'HEAD /files/file.txt'],
  ['a part', 206, app, 'GET /files/file.txt', { headers: { Range: 'bytes=1-2' } }],
  ['no change', 304, app, 'GET /files/file.txt', { headers: { 'If-None-Match': '*' } }],
  ['no change of a head', 304, app, 'HEAD /files/file.txt', { headers: { 'If-None-Match': '*' } }],
  ['another tag', 'precondition-failed', app, 'GET /files/file.txt', { headers: { 'If-Match': '"x"' } }],
  [
    'another file',
    'precondition-failed',
    app,
    'GET /files/file.txt',
    { headers: { 'If-Match': `"${OLD}"` } },
  ],
  [
    'a range outside',
    'range-not-satisfiable',
    app,
    'GET /files/file.txt',
    { headers: { Range: 'bytes=9-' } },
  ],
  ['no file', 'not-found', app, 'GET /files/nothing'],
  ['no name', 'invalid-name', app, 'GET /files/a//b'],
  ['a name that is not a file', 'not-a-file', inTrouble('not-a-file'), 'GET /files/x'],
  ['what changes', 'changed-while-reading', inTrouble('changed'), 'GET /files/x'],
  ['what rots', 'integrity-failure', inTrouble('integrity'), 'GET /files/x'],
  ['a store out of reach', 'unreachable', inTrouble('unreachable'), 'GET /files/x'],
  ['what cannot be read', 'unreadable', inTrouble('unreadable'), 'GET /files/x'],
  ['a new file', 201, app, 'PUT /files/new.txt', toWrite({ 'If-None-Match': '*' })],
  ['a file replaced', 204, app, 'PUT /files/new.txt', toWrite({ 'If-Match': `"${NEW}"` })],
  [
    'a file that is there',
    'precondition-failed',
    app,
    'PUT /files/new.txt',
    toWrite({ 'If-None-Match': '*' }),
  ],
  ['a write without conditions', 'precondition-required', app, 'PUT /files/new.txt', toWrite({})],
  ['a write without length', 'length-required', app, 'PUT /files/new.txt', { body: 'x' }],
  [
    'a write without digest',
    'invalid-body',
    app,
    'PUT /files/new.txt',
    { headers: { 'Content-Length': '0' } },
  ],
  [
    'a write that the disk refuses',
    'unreadable',
    inTrouble('unreadable'),
    'PUT /files/x',
    toWrite({ 'If-None-Match': '*' }),
  ],
  [
    'a write that the storage refuses',
    'read-only',
    inTrouble('read-only'),
    'PUT /files/x',
    toWrite({ 'If-None-Match': '*' }),
  ],
  ['a write to a read-only replica', 'method-not-allowed', readOnly, 'PUT /files/new.txt', { body: 'x' }],
]

const questions: readonly Kind[] = [
  ['facts', 200, app, 'POST /describe', toQuestion(named)],
  ['facts that the store cannot read', 200, inTrouble('unreadable'), 'POST /describe', toQuestion(named)],
  ['proofs', 200, app, 'POST /prove', toQuestion({ ...named, nonce: 'a'.repeat(64) })],
  ['signed facts', 200, signing, 'POST /describe', toQuestion({ ...named, sign: true })],
  ['a signed tree', 200, signing, 'POST /tree', toQuestion({ prefix: '' })],
  ['a tree of no names', 'invalid-body', signing, 'POST /tree', toQuestion({ prefix: 1 })],
  ['a tree that nobody signs', 'unsigned', app, 'POST /tree', toQuestion({ prefix: '' })],
  ['public keys', 200, signing, 'GET /keys'],
  ['the head of public keys', 200, signing, 'HEAD /keys'],
  ['no public keys', 'unsigned', app, 'GET /keys'],
  ['no question', 'invalid-body', app, 'POST /describe', toQuestion({ names: 'x' })],
  ['proofs', 200, app, 'POST /prove', toQuestion({ ...named, nonce: '0'.repeat(64) })],
  ['no nonce', 'invalid-body', app, 'POST /prove', toQuestion(named)],
  ['a question of another type', 'unsupported-media-type', app, 'POST /describe', { body: '{}' }],
  [
    'a question that comes too slowly',
    'request-timeout',
    whileWaiting(app),
    'POST /describe',
    toQuestion({}),
  ],
  ['files of a survey', 200, app, 'POST /survey', toQuestion(everything)],
  ['spans of a survey', 200, app, 'POST /survey', toQuestion({ ...everything, grain: 12, maxAge: 0 })],
  ['a survey that breaks off', 200, inTrouble('unreadable'), 'POST /survey', toQuestion(everything)],
  ['an invalid survey', 'invalid-body', app, 'POST /survey', toQuestion({})],
]

const others: readonly Kind[] = [
  ['a listing', 200, app, 'GET /files?prefix=f&limit=1'],
  ['the head of a listing', 200, app, 'HEAD /files'],
  ['an invalid limit', 'invalid-parameter', app, 'GET /files?limit=0'],
  ['a listing that fails', 'unreadable', inTrouble('unreadable'), 'GET /files'],
  ['the kept contents', 200, app, 'GET /kept'],
  ['the head of the kept contents', 200, app, 'HEAD /kept?name=was.txt'],
  ['an invalid limit of kept contents', 'invalid-parameter', app, 'GET /kept?limit=x'],
  [
    'a restore that was overtaken',
    'precondition-failed',
    app,
    'POST /restore',
    toQuestion({ ...restore, replaces: OLD }),
  ],
  ['a restored content', 200, app, 'POST /restore', toQuestion(restore)],
  [
    'a content that is not kept',
    'not-kept',
    app,
    'POST /restore',
    toQuestion({ ...restore, name: 'x', replaces: null }),
  ],
  ['an invalid restore', 'invalid-body', app, 'POST /restore', toQuestion(null)],
  ['too large a restore', 'too-large', app, 'POST /restore', toQuestion(' '.repeat(MAX_RESTORE_BYTES))],
  ['a restore on a read-only replica', 'read-only', readOnly, 'POST /restore', toQuestion(restore)],
  ['a file moved', 204, serve(createMemoryStorage({ old: 'old' })), 'POST /move', toQuestion(move)],
  ['a move of another content', 'precondition-failed', app, 'POST /move', toQuestion(move)],
  ['an invalid move', 'invalid-body', app, 'POST /move', toQuestion({ ...move, modes: [0o1777] })],
  ['too large a move', 'too-large', app, 'POST /move', toQuestion(' '.repeat(MAX_MOVE_BYTES))],
  ['a move to no name', 'invalid-name', app, 'POST /move', toQuestion({ ...move, from: '../up' })],
  ['a move on a read-only replica', 'read-only', readOnly, 'POST /move', toQuestion(move)],
  ['a move in a store without moves', 'unreadable', serve(fixed), 'POST /move', toQuestion(move)],
  ['a listing for another site', 'cross-site', app, 'GET /files', foreign],
  ['the kept contents, for another site', 'cross-site', app, 'GET /kept', foreign],
  ['readiness for another site', 'cross-site', app, 'GET /readyz', foreign],
  ['health', 200, closed, 'GET /healthz'],
  ['readiness', 200, app, 'GET /readyz'],
  ['the head of readiness', 200, app, 'HEAD /readyz'],
  ['the head of health', 200, app, 'HEAD /healthz'],
  ['itself', 200, app, 'GET /openapi.json'],
  ['its own head', 200, app, 'HEAD /openapi.json'],
  ['another path', 'no-such-resource', app, 'GET /audit'],
  ['another method', 'method-not-allowed', app, 'DELETE /files/file.txt'],
  ['a long address', 'uri-too-long', app, `GET /files/${'x'.repeat(MAX_URL_BYTES)}`],
  ['a client without a token', 'unauthorized', closed, 'GET /files'],
  ['another host', 'misdirected', elsewhere, 'GET /files'],
  ['a bug', 'internal-error', serve(failing(new Error('a bug'))), 'GET /files/x'],
]

describe("a replica's document", () => {
  describeKinds(DOCUMENT, [...files, ...questions, ...others], {
    conflict: 'on a coordinator alone',
    'existence-unknown': 'on a coordinator alone',
    incomplete: 'on a coordinator alone',
    'no-ledger': 'on a coordinator alone',
    'too-few-answers': 'on a coordinator alone',
    'version-required': 'on a coordinator alone',
    'not-acceptable': 'on a coordinator alone',
    'malformed-request': 'by the host, before there is a request: runtime/node/http/serve.test.ts',
    overloaded: 'by both alike: functions/http/app.test.ts',
    'fields-too-large': 'by the host, before there is a request: runtime/node/http/serve.test.ts',
  })
})
