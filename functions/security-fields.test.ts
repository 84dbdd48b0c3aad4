import { expect, test } from 'vitest'
import { createCoordinator } from './coordinator/coordinator.ts'
import { createReplica } from './replica/replica.ts'
import { createMemoryStorage } from './storage/memory.ts'
import type { Storage } from './storage/storage.ts'
import { createTestHasher as createHasher } from './storage/suite/set-up.suite.ts'
import { toReprDigest } from './wire/fields/fields.ts'

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

const one = createMemoryStorage({ 'f.txt': 'same', 'g.txt': 'one' })
const other = createMemoryStorage({ 'f.txt': 'same', 'g.txt': 'other' })
const broken: Storage = {
  ...one,
  describe: () => {
    throw new Error('a bug')
  },
}

function coordinate(...storages: Storage[]) {
  return createCoordinator(
    storages.map((storage, i) => ({ id: `server${i + 1}`, storage })),
    { createHasher },
  )
}

const coordinator = coordinate(one, other)
const replica = createReplica(createMemoryStorage({ 'f.txt': 'same' }), { writable: true })
const closed = createReplica(one, { isAllowed: () => false })

const describeInit = {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ names: ['f.txt'] }),
}
const restoreInit = {
  ...describeInit,
  body: JSON.stringify({ name: 'f.txt', digest: EMPTY, replaces: null }),
}
const write = { 'Repr-Digest': toReprDigest(EMPTY), 'Content-Length': '0' }

test.each([
  ['a file', coordinator, '/files/f.txt', {}, 200],
  ['the head of a file', coordinator, '/files/f.txt', { method: 'HEAD' }, 200],
  ['a part', coordinator, '/files/f.txt', { headers: { Range: 'bytes=0-1' } }, 206],
  ['not modified', coordinator, '/files/f.txt', { headers: { 'If-None-Match': '*' } }, 304],
  ['a failed condition', coordinator, '/files/f.txt', { headers: { 'If-Match': '"x"' } }, 412],
  ['a range outside', coordinator, '/files/f.txt', { headers: { Range: 'bytes=9-' } }, 416],
  ['one copy', coordinator, '/files/g.txt?replica=server1', {}, 200],
  ['a conflict', coordinator, '/files/g.txt', {}, 409],
  ['all versions', coordinator, '/files/g.txt', { headers: { Accept: 'multipart/mixed' } }, 300],
  ['not found', coordinator, '/files/h.txt', {}, 404],
  ['a copy beside a conflict', coordinator, '/dav/g.txt.server1', {}, 200],
  ['properties', coordinator, '/dav/', { method: 'PROPFIND', headers: { Depth: '1' } }, 207],
  ['properties of whole trees', coordinator, '/dav/', { method: 'PROPFIND' }, 403],
  ['what a path takes', coordinator, '/dav/', { method: 'OPTIONS' }, 200],
  ['no name', coordinator, '/files/..%2fx', {}, 400],
  ['no resource', coordinator, '/nowhere', {}, 404],
  ['a method', coordinator, '/files/f.txt', { method: 'DELETE' }, 405],
  ['a long address', coordinator, `/files/${'x'.repeat(9000)}`, {}, 414],
  ['the replicas', coordinator, '/replicas', {}, 200],
  ['kept contents', coordinator, '/kept?replica=server1', {}, 200],
  ['a write refused', coordinator, '/restore', { method: 'POST' }, 403],
  ['health', coordinator, '/healthz', {}, 200],
  ['a bug', createReplica(broken), '/files/f.txt', { method: 'HEAD' }, 500],
  ['a file of a replica', replica, '/files/f.txt', {}, 200],
  ['a listing', replica, '/files', {}, 200],
  ['kept contents of a replica', replica, '/kept', {}, 200],
  ['a content that it does not keep', replica, '/restore', restoreInit, 404],
  ['facts', replica, '/describe', describeInit, 200],
  ['no facts', replica, '/describe', { ...describeInit, body: '' }, 400],
  ['a new file', replica, '/files/n', { method: 'PUT', headers: { ...write, 'If-None-Match': '*' } }, 201],
  [
    'a file replaced',
    replica,
    '/files/n',
    { method: 'PUT', headers: { ...write, 'If-Match': `"${EMPTY}"` } },
    204,
  ],
  ['a write without a condition', replica, '/files/n', { method: 'PUT' }, 411],
  ['a client without a token', closed, '/files/f.txt', {}, 401],
])(
  'the answer for %s keeps browsers from running scripts, sniffing, framing and sending referrers',
  async (...row) => {
    const [, app, path, init, status] = row
    const response = await app.request(path, init)
    expect(response.status).toBe(status)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    })
    await response.body?.cancel()
  },
)

test.each(['film.webm', 'song.mp3'])(
  'the answer for %s lets the player of a browser load it, and nothing be run or framed',
  async (name) => {
    const storage = createMemoryStorage({ [name]: 'frames' })
    for (const app of [coordinate(storage, storage), createReplica(storage)]) {
      const { status, headers } = await app.request(`/files/${name}`, { method: 'HEAD' })
      expect(status).toBe(200)
      expect(Object.fromEntries(headers)).toMatchObject({
        'x-content-type-options': 'nosniff',
        'content-security-policy':
          "default-src 'none'; media-src 'self'; sandbox allow-same-origin; frame-ancestors 'none'",
        'cross-origin-resource-policy': 'same-origin',
      })
    }
  },
)
