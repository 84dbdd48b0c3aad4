import { beforeEach, describe, expect, it } from 'vitest'
import { fromBytes, toStream } from '../../bytes/chunks.ts'
import { createMemoryStorage } from '../../storage/memory.ts'
import type { Opened, OpenOptions, Storage } from '../../storage/storage.ts'
import { hash } from '../../storage/suite/set-up.suite.ts'
import { readStates } from '../../storage/suite/states.suite.ts'
import { createNoise } from '../../storage/suite/suite-tools.suite.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { coordinate } from '../set-up.suite.ts'

const CHUNK = 50_000
const bytes = createNoise(4 * CHUNK)
const TEXT = { name: 'f' }

/** The replacement of a chunk of a copy: other bytes, or null to break off. */
type Change = (chunk: Uint8Array, at: number) => Uint8Array | null

/** A storage of `bytes` that comes in chunks, changed by `change`; it records the requests. */
function createCopy(change: Change = (chunk) => chunk, more: Partial<Storage> = {}) {
  const memory = createMemoryStorage({ [TEXT.name]: bytes })
  const asked: OpenOptions[] = []
  async function open(name: string, options: OpenOptions = {}): Promise<Opened | null> {
    asked.push(options)
    const opened = await memory.open(name, options)
    const { offset, length } = options.range ?? { offset: 0, length: bytes.length }
    let position = offset
    const body = toStream({
      async next() {
        if (position === offset + length) return { done: true, value: undefined }
        const at = position
        position = Math.min(position + CHUNK, offset + length)
        const chunk = change(bytes.slice(at, position), at)
        if (chunk === null) throw new StorageError('unreachable', 'the copy broke off')
        return { done: false, value: chunk }
      },
      cancel: async () => {},
    })
    return opened && { ...opened, body }
  }
  return { storage: { ...memory, open, ...more }, asked }
}

const corrupt: string[] = []
beforeEach(() => void corrupt.splice(0))

function createApp(...copies: readonly { readonly storage: Storage }[]) {
  const storages = copies.map(({ storage }) => storage)
  return coordinate(
    storages,
    { onCorrupt: ({ id, name }) => corrupt.push(`${id} ${name}`) },
    (i) => `r${i + 1}`,
  )
}

/** The body, or null when it broke off. */
async function read(app: ReturnType<typeof createApp>, headers = {}): Promise<Uint8Array | null> {
  const response = await app.request('/files/f', { headers })
  expect([200, 206]).toContain(response.status)
  return await response.bytes().catch(() => null)
}

const breakAt =
  (from: number): Change =>
  (chunk, at) =>
    at >= from ? null : chunk
const lieAt =
  (from: number): Change =>
  (chunk, at) =>
    at === from ? chunk.map((byte) => byte ^ 1) : chunk

describe('a copy that breaks off in the middle', () => {
  it('continues at that byte from another holder of the same content', async () => {
    const other = createCopy()
    expect(await read(createApp(createCopy(breakAt(3 * CHUNK)), other))).toEqual(bytes)
    const { digest } = await hash(bytes).then((hex) => ({ digest: hex }))
    expect(other.asked).toMatchObject([{ range: { offset: 2 * CHUNK, length: 2 * CHUNK }, ifDigest: digest }])
  })

  it('continues as often as there are holders', async () => {
    const app = createApp(createCopy(breakAt(2 * CHUNK)), createCopy(breakAt(3 * CHUNK)), createCopy())
    expect(await read(app)).toEqual(bytes)
  })

  it('breaks the answer off when no other replica holds the content', async () => {
    const other = { storage: createMemoryStorage({ g: 'x' }) }
    expect(await read(createApp(createCopy(breakAt(3 * CHUNK)), other))).toBeNull()
  })

  it('continues also when its storage verifies the bytes', async () => {
    const given = async () => await hash(bytes.slice(0, 3 * CHUNK))
    const digest = await given()
    const first = createCopy(breakAt(3 * CHUNK), { verifiesBytes: true })
    const open: Storage['open'] = async (name, options) => {
      const opened = await first.storage.open(name, options)
      return opened && { ...opened, digestSoFar: () => digest }
    }
    expect(await read(createApp({ storage: { ...first.storage, open } }, createCopy()))).toEqual(bytes)
  })
})

describe('a copy whose bytes contradict its digest', () => {
  it('at the end is completed from a holder with the same beginning, and is reported as corrupt', async () => {
    const app = createApp(createCopy(lieAt(3 * CHUNK)), createCopy())
    expect(await read(app)).toEqual(bytes)
    expect(await (await app.request('/replicas')).json()).toMatchObject({
      replicas: [{ corrupt: 1 }, { corrupt: 0 }],
    })
    const status = readStates((await app.request('/files/f', { method: 'HEAD' })).headers)
    expect(corrupt).toEqual(['r1 f'])
    expect(status).toBe('r1;state=corrupt;error=http_response_incomplete, r2;state=match')
  })

  it('in bytes already sent breaks the answer off', async () => {
    expect(await read(createApp(createCopy(lieAt(CHUNK)), createCopy()))).toBeNull()
  })

  it('breaks off a part too, wherever the wrong bytes are', async () => {
    for (const lie of [0, 3 * CHUNK]) {
      const headers = { Range: `bytes=${CHUNK}-${2 * CHUNK}` }
      const part = await read(createApp(createCopy(lieAt(lie))), headers)
      expect(part === null || part.length === CHUNK + 1).toBe(true)
      if (part !== null) expect(part).toEqual(bytes.slice(CHUNK, 2 * CHUNK + 1))
    }
  })
})

describe('a part', () => {
  it('is the only range read from a holder whose storage verifies it', async () => {
    const [first, second] = [createCopy(), createCopy(undefined, { verifiesBytes: true })]
    const headers = { Range: 'bytes=100000-100099' }
    expect(await read(createApp(first, second), headers)).toEqual(bytes.slice(100_000, 100_100))
    expect(first.asked).toEqual([])
    expect(second.asked).toMatchObject([{ range: { offset: 100_000, length: 100 } }])
  })

  it('is cut from the copy of another holder when that one cannot be opened', async () => {
    const broken = createCopy(breakAt(0), { verifiesBytes: true })
    const headers = { Range: 'bytes=100000-100099' }
    expect(await read(createApp(createCopy(), broken), headers)).toEqual(bytes.slice(100_000, 100_100))
  })

  it('is cut from the verified whole when no storage verifies it', async () => {
    const copy = createCopy()
    const headers = { Range: 'bytes=99990-100010' }
    expect(await read(createApp(copy), headers)).toEqual(bytes.slice(99_990, 100_011))
    expect(copy.asked).toMatchObject([{ range: undefined }])
  })
})

it('a small content that contradicts its digest is read from another holder', async () => {
  const liar = createMemoryStorage({ f: 'truth' })
  const open: Storage['open'] = async (name, options) => {
    const opened = await liar.open(name, options)
    return opened && { ...opened, body: toStream(fromBytes(new TextEncoder().encode('false'))) }
  }
  const app = createApp({ storage: { ...liar, open } }, { storage: createMemoryStorage({ f: 'truth' }) })
  const response = await app.request('/files/f')
  expect(await response.text()).toBe('truth')
  expect(response.headers.get('Replica-Agreement')).toBe('degraded;answered=1;of=2')
})
