import { describe, expect, it, vi } from 'vitest'
import { fromBytes, readAll, toChunks, toStream } from '../../bytes/chunks.ts'
import type { Digest } from '../../wire/digest.ts'
import { MAX_AGE_SECONDS } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { compareNames } from '../names.ts'
import { createTestHasher, hash, toBytes } from '../suite/set-up.suite.ts'
import { describeStorage } from '../suite/storage.suite.ts'
import { describeOne, readBytes, UNLISTED } from '../suite/suite-tools.suite.ts'
import { readSurvey } from '../survey/read-survey.ts'
import { createDigestCache } from './digest-cache.ts'
import { createObjectStorage } from './object-storage.ts'
import type { ObjectInfo, Objects } from './objects.ts'

interface Held {
  readonly info: ObjectInfo
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** A store in memory, with a SHA-256 of its own if `isStoring`. */
function createObjects({ isStoring }: { readonly isStoring: boolean }) {
  const held = new Map<string, Held>()
  const asked = { heads: 0, gets: 0 }
  /** The keys of the bodies that were not read. */
  const canceled: string[] = []
  let writes = 0

  function set(
    key: string,
    bytes: Uint8Array<ArrayBuffer>,
    stored: Digest | null,
    modified: number | null = null,
  ): ObjectInfo {
    const info = {
      key,
      size: bytes.length,
      modified: modified ?? Date.now(),
      version: `v${writes++}`,
      stored,
    }
    held.set(key, { info, bytes })
    return info
  }

  const objects: Objects = {
    async head(key) {
      asked.heads++
      return held.get(key)?.info ?? null
    },
    async get(key, { range, version }) {
      asked.gets++
      const one = held.get(key)
      if (one === undefined) return null
      if (version !== null && one.info.version !== version)
        throw new StorageError('changed', 'another version')
      const { offset, length } = range ?? { offset: 0, length: one.bytes.length }
      const chunks = fromBytes(one.bytes.slice(offset, offset + length))
      let isRead = false
      const body = toStream({
        async next() {
          isRead = true
          return await chunks.next()
        },
        async cancel() {
          if (!isRead) canceled.push(key)
        },
      })
      return { info: one.info, body }
    },
    async list(prefix, after, limit) {
      const keys = [...held.keys()].filter((key) => key.startsWith(prefix) && compareNames(key, after) > 0)
      const page = keys.sort(compareNames).slice(0, Math.min(limit, 7))
      // A listing may omit properties that HEAD has.
      const objects = page
        .flatMap((key) => held.get(key)?.info ?? [])
        .map((info) => ({ ...info, stored: undefined }))
      return { objects, isLast: page.length === keys.length }
    },
    writes: {
      async put(key, body, { digest, over, modified }) {
        const bytes = await readAll(toChunks(body))
        if ((held.get(key)?.info.version ?? null) !== over)
          throw new StorageError('precondition', 'another version')
        return set(key, bytes, isStoring ? digest : null, modified)
      },
      async copy(from, to) {
        const one = held.get(from.key)
        if (one?.info.version !== from.version) throw new StorageError('precondition', 'another version')
        set(to, one?.bytes ?? new Uint8Array(), one?.info.stored ?? null, from.modified)
      },
    },
  }
  return { objects, set, held, asked, canceled }
}

for (const isStoring of [false, true]) {
  for (const root of ['', 'some/where/']) {
    describeStorage(`objects below '${root}'${isStoring ? ', whose store keeps digests' : ''}`, async () => {
      const { objects, set, held } = createObjects({ isStoring })
      set(root.slice(0, -1), new Uint8Array(1), null)
      if (root !== '') set('elsewhere', new Uint8Array(1), null)
      const storage = createObjectStorage(objects, {
        createHasher: createTestHasher,
        cache: createDigestCache(),
        root,
        writable: true,
      })
      return {
        storage,
        async write(name, bytes) {
          const content = new Uint8Array(bytes)
          set(root + name, content, isStoring ? await hash(content) : null)
        },
        remove: async (name) => void held.delete(root + name),
        writable: true,
        seesChanges: false,
        holdsLongSegments: true,
        async plant() {
          for (const { example } of UNLISTED) set(root + example, new Uint8Array(1), null)
          for (const name of ['d/', 'e/e/']) set(root + name, new Uint8Array(), null)
          const markers = ['d/', 'e/e/'].map((example) => ({ kind: 'folder-marker' as const, example }))
          return [...UNLISTED, ...markers]
        },
        close: async () => {},
      }
    })
  }
}

describe('the only request to a store', () => {
  async function setUp(isStoring: boolean) {
    const { objects, set, asked, canceled } = createObjects({ isStoring })
    const storage = createObjectStorage(objects, {
      createHasher: createTestHasher,
      cache: createDigestCache(),
    })
    const write = async (name: string, text: string, isKept = isStoring) =>
      set(name, toBytes(text), isKept ? await hash(toBytes(text)) : null)
    const survey = async (maxAge: number | null = null) => {
      const found = []
      const ranges = [{ after: '', until: null }]
      for await (const line of readSurvey(storage, {
        prefix: '',
        ranges,
        grain: 0,
        maxAge,
        match: [],
        exclude: [],
      })) {
        if ('name' in line) found.push(line)
      }
      return found
    }
    return { storage, asked, canceled, write, survey }
  }

  it('is for no bytes of an object whose digest the store keeps', async () => {
    const { storage, asked, write } = await setUp(true)
    await write('a', 'content')
    expect(await describeOne(storage, 'a')).toMatchObject({
      digest: await hash(toBytes('content')),
      evidence: 'stored',
    })
    expect(asked).toEqual({ heads: 1, gets: 0 })
  })

  it('is for every byte of any object with a maxAge, once within it', async () => {
    const { storage, asked, write, survey } = await setUp(true)
    await write('a', 'content')
    const ask = async (maxAge?: number) => await storage.describe(['a'], { maxAge })[0]
    expect(await ask(3600)).toMatchObject({ evidence: 'read', age: 0 })
    expect(await ask(3600)).toMatchObject({ evidence: 'remembered', age: 0 })
    expect(await ask()).toMatchObject({ evidence: 'stored', age: null })
    expect(asked.gets).toBe(1)
    expect(await ask(0)).toMatchObject({ evidence: 'read', age: 0 })
    expect(asked.gets).toBe(2)
    expect((await survey()).map(({ name }) => name)).toEqual((await survey(0)).map(({ name }) => name))
    expect(asked.gets).toBe(3)
  })

  it('is for every byte again when the reading is too old, or from the future', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const { storage, asked, write } = await setUp(false)
      await write('a', 'content')
      const ask = async (maxAge?: number) => await storage.describe(['a'], { maxAge })[0]
      await ask()
      vi.setSystemTime(Date.now() + 90_000)
      expect(await ask(90)).toMatchObject({ evidence: 'remembered', age: 90 })
      vi.setSystemTime(Date.now() + 1)
      expect(await ask(91)).toMatchObject({ evidence: 'remembered', age: 90 })
      expect(await ask(90)).toMatchObject({ evidence: 'read', age: 0 })
      expect(await ask(90)).toMatchObject({ evidence: 'remembered', age: 0 })
      vi.setSystemTime(Date.now() - 60_000)
      expect(await ask()).toMatchObject({ evidence: 'read', age: 0 })
      expect(asked.gets).toBe(3)
    } finally {
      vi.useRealTimers()
    }
  })

  it('is for every byte again when the reading is older than any age that can be sent', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const { storage, write } = await setUp(false)
      await write('a', 'content')
      await describeOne(storage, 'a')
      vi.setSystemTime(Date.now() + 1000 * MAX_AGE_SECONDS)
      expect(await describeOne(storage, 'a')).toMatchObject({ evidence: 'remembered', age: MAX_AGE_SECONDS })
      vi.setSystemTime(Date.now() + 1000)
      expect(await describeOne(storage, 'a')).toMatchObject({ evidence: 'read', age: 0 })
    } finally {
      vi.useRealTimers()
    }
  })

  it.each([
    ['a GET alone where none has a digest of its own, once the first answer shows that', false, 32, 200],
    ['a HEAD alone where each has one', true, 200, 0],
  ])('for an object of a survey is %s', async (_title, isStoring, heads, gets) => {
    const { asked, write, survey } = await setUp(isStoring)
    for (let i = 0; i < 200; i++) await write(`file${i}`, `content ${i}`)
    expect(await survey()).toHaveLength(200)
    expect(asked).toEqual({ heads, gets })
  })

  it.each([true, false])(
    'for an object of a deep survey is a GET alone (digests kept: %s)',
    async (isStoring) => {
      const { asked, write, survey } = await setUp(isStoring)
      for (let i = 0; i < 20; i++) await write(`file${i}`, `content ${i}`)
      const found = await survey(0)
      expect(found.map(({ said }) => said)).toEqual(
        found.map(() => expect.objectContaining({ evidence: 'read', age: 0 })),
      )
      expect(asked).toEqual({ heads: 0, gets: 20 })
      expect(await survey()).toHaveLength(20)
      expect(asked).toEqual({ heads: 0, gets: 20 })
    },
  )

  it('for an object whose digest turns out to be kept reads none of the bytes that come with it', async () => {
    const { asked, canceled, write, survey, storage } = await setUp(false)
    for (let i = 0; i < 40; i++) await write(`file${i}`, `content ${i}`)
    await write('file9', 'kept', true)
    const found = await survey()
    expect(found.find(({ name }) => name === 'file9')?.said).toEqual({
      ...(await describeOne(storage, 'file9')),
      evidence: 'stored',
      age: null,
    })
    expect([asked.gets, canceled]).toEqual([40, ['file9']])
  })

  it('is for every byte of another once, and again when its version changes', async () => {
    const { storage, asked, write } = await setUp(false)
    await write('a', 'content')
    for (const evidence of ['read', 'remembered', 'remembered'])
      expect(await describeOne(storage, 'a')).toMatchObject({ evidence, age: 0 })
    expect(asked.gets).toBe(1)
    await write('a', 'changed')
    for (let i = 0; i < 3; i++)
      expect(await describeOne(storage, 'a')).toMatchObject({ digest: await hash(toBytes('changed')) })
    expect(asked.gets).toBe(2)
  })

  it('is for the bytes once when they match the requested digest as they are read', async () => {
    const { storage, asked, write } = await setUp(false)
    await write('a', 'content')
    await readBytes(storage, 'a', { ifDigest: await hash(toBytes('content')) })
    await describeOne(storage, 'a')
    expect(asked.gets).toBe(1)
  })

  it.each([true, false])(
    'is for each object of a survey once, not again (digests kept: %s)',
    async (isStoring) => {
      const { asked, write, survey } = await setUp(isStoring)
      for (let i = 0; i < 20; i++) await write(`file${i}`, `content ${i}`)
      const first = await survey()
      expect(first).toHaveLength(20)
      expect(asked).toEqual({ heads: 20, gets: isStoring ? 0 : 20 })
      const evidence = isStoring ? 'stored' : 'remembered'
      expect(await survey()).toEqual(first.map((one) => ({ ...one, said: { ...one.said, evidence } })))
      expect(asked.heads).toBe(20)
    },
  )
})
