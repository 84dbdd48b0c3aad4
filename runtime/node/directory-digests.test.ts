import { fstatSync, openSync, writeFileSync } from 'node:fs'
import { mkdir, open, stat, symlink, truncate, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { toStream } from '../../functions/bytes/chunks.ts'
import { hash, toBytes } from '../../functions/storage/suite/set-up.suite.ts'
import {
  createNoise,
  describeOne,
  drain,
  expectTrouble,
  readBytes,
} from '../../functions/storage/suite/suite-tools.suite.ts'
import { createDigestIndex } from './digests/digest-index.ts'
import { openNoIndexFile } from './digests/index-file.ts'
import {
  countDescriptors,
  createTestDirectory,
  later,
  openStorage,
  openSynced,
  type TestDirectory,
} from './directory-setup.suite.ts'
import { createStreams } from './disk/streams.ts'
import { isAtByName } from './files/directory.ts'
import { type Identity, isSettled, toIdentity, toTime } from './files/identity.ts'
import { getMaxThreads, WRITE_INDEX_MS } from './limits.ts'

const MIB = 1024 * 1024

let directory: TestDirectory
beforeEach(async () => {
  directory = await createTestDirectory()
})
afterEach(() => directory.close())

/** How many reads it takes to describe a file. */
async function countReads(storage: ReturnType<typeof openStorage>, name: string): Promise<number> {
  let reads = 0
  const onProgress = () => {
    reads++
  }
  await Promise.all(storage.describe([name], { onProgress }))
  return reads
}

/** Makes a file that is all holes: `size` bytes that cost no disk. */
async function writeHoles(name: string, size: number): Promise<void> {
  await directory.write(name, new Uint8Array())
  await truncate(join(directory.root, name), size)
}

describe('the digest of a file', () => {
  it('is computed once, then remembered', async () => {
    const storage = await openSynced(directory.root, { now: later })
    await directory.write('a', createNoise(3 * MIB))
    expect(await countReads(storage, 'a')).toBe(3)
    expect(await countReads(storage, 'a')).toBe(0)
  })

  it('is computed each time while the file is fresh, or has a time in the future', async () => {
    await directory.write('a', toBytes('abc'))
    const { ctimeMs } = await stat(join(directory.root, 'a'))
    for (const now of [() => ctimeMs + 1900, () => ctimeMs - 60_000, () => 0]) {
      const storage = openStorage(directory.root, { now })
      expect(await countReads(storage, 'a')).toBe(1)
      expect(await countReads(storage, 'a')).toBe(1)
    }
  })

  it('is that of the new content, even with the size and modification time of the old', async () => {
    const storage = await openSynced(directory.root, { now: later })
    const path = join(directory.root, 'a')
    await directory.write('a', toBytes('old!'))
    await utimes(path, 1000, 1000)
    const before = await stat(path, { bigint: true })
    expect((await describeOne(storage, 'a'))?.digest).toBe(await hash(toBytes('old!')))
    // The time of change must have moved on: on an old kernel its clock ticks every few milliseconds only.
    do {
      await directory.write('a', toBytes('new!'))
      await utimes(path, 1000, 1000)
    } while ((await stat(path, { bigint: true })).ctimeNs === before.ctimeNs)
    expect((await stat(path, { bigint: true })).mtimeNs).toBe(before.mtimeNs)
    expect((await describeOne(storage, 'a'))?.digest).toBe(await hash(toBytes('new!')))
    expect(await readBytes(storage, 'a')).toEqual(toBytes('new!'))
  })

  it('comes with the time of modification in milliseconds', async () => {
    const storage = openStorage(directory.root)
    await directory.write('a', toBytes('abc'))
    await utimes(join(directory.root, 'a'), 1234.5678, 1234.5678)
    expect((await describeOne(storage, 'a'))?.modified).toBe(1_234_567)
    expect((await storage.list()).entries[0]?.modified).toBe(1_234_567)
  })

  it('of a small file does not wait for those of large ones', async () => {
    const storage = openStorage(directory.root)
    const large = Array.from({ length: 40 }, (_, i) => `large${i}`)
    for (const name of large) await writeHoles(name, 8 * MIB)
    await directory.write('small', toBytes('small'))
    let settled = 0
    const promises = storage.describe([...large, 'small'])
    for (const promise of promises) {
      promise.then(() => {
        settled++
      })
    }
    await promises.at(-1)
    expect(settled).toBeLessThan(20)
    expect(new Set((await Promise.all(promises)).map((facts) => facts?.digest)).size).toBe(2)
  })

  it('is cancelled, running or waiting, when the signal is aborted', async () => {
    const storage = openStorage(directory.root)
    const names = Array.from({ length: 12 }, (_, i) => `large${i}`)
    for (const name of names) await writeHoles(name, 1024 * MIB)
    const before = await countDescriptors()
    const abort = new AbortController()
    const reason = new Error('enough')
    const onProgress = () => abort.abort(reason)
    const answers = await Promise.allSettled(storage.describe(names, { signal: abort.signal, onProgress }))
    expect(answers).toEqual(names.map(() => ({ status: 'rejected', reason })))
    await expect.poll(countDescriptors).toBe(before)
    await directory.write('small', toBytes('small'))
    expect(await describeOne(storage, 'small')).toMatchObject({ size: 5 })
  })

  it('that waits behind those of another call is cancelled immediately', async () => {
    const storage = openStorage(directory.root)
    for (let i = 0; i < 5; i++) await writeHoles(`large${i}`, 256 * MIB)
    const others = new AbortController()
    const first = storage.describe(['large0', 'large1', 'large2', 'large3'], { signal: others.signal })
    let settled = 0
    const all = Promise.allSettled(first.map((promise) => promise.finally(() => settled++)))
    const abort = new AbortController()
    const last = storage.describe(['large4'], { signal: abort.signal, onProgress: () => abort.abort() })
    await expect(last[0]).rejects.toThrow()
    expect(settled).toBe(0)
    others.abort()
    await all
  })

  it('is that of the content after a change while it is computed', async () => {
    const storage = openStorage(directory.root)
    const bytes = createNoise(3 * MIB, 2)
    await directory.write('a', createNoise(3 * MIB))
    let changes = 0
    const onProgress = () => {
      if (changes++ === 0) writeFileSync(join(directory.root, 'a'), bytes)
    }
    const [facts] = await Promise.all(storage.describe(['a'], { onProgress }))
    expect(facts?.digest).toBe(await hash(bytes))
  })

  it('is the error changed when the file keeps changing', async () => {
    const storage = openStorage(directory.root)
    await directory.write('a', createNoise(3 * MIB))
    let changes = 0
    const onProgress = () => writeFileSync(join(directory.root, 'a'), createNoise(3 * MIB, ++changes))
    await expectTrouble(storage.describe(['a'], { onProgress })[0], 'changed')
  })

  it('reports progress to waiting callers', async () => {
    const storage = openStorage(directory.root)
    for (let i = 0; i < 5; i++) await writeHoles(`large${i}`, 64 * MIB)
    const first = storage.describe(['large0', 'large1', 'large2', 'large3'])
    const abort = new AbortController()
    const { promise: reported, resolve } = Promise.withResolvers<void>()
    // 64 reads are its own at most; the fifth file has not begun while four are hashed.
    let calls = 0
    const onProgress = () => {
      if (++calls > 64) resolve()
    }
    const last = storage.describe(['large4'], { signal: abort.signal, onProgress })
    await reported
    await Promise.all([...first, ...last])
  })
})

describe('descriptors', () => {
  // Counted immediately, each time: later the garbage collector closes leaked descriptors.
  it('are as many as before after each of fifty streams that was cancelled, read or not', async () => {
    const storage = await openSynced(directory.root, { now: later })
    await directory.write('a', createNoise(3 * MIB))
    await readBytes(storage, 'a')
    const before = await countDescriptors()
    for (let i = 0; i < 50; i++) {
      const reader = (await storage.open('a'))?.body.getReader()
      if (i % 5 === 0) await reader?.read()
      await reader?.cancel()
      expect(await countDescriptors()).toBe(before)
    }
  })

  it('are as many as before after reads that were refused, ended, or aborted', async () => {
    const storage = await openSynced(directory.root, { now: later })
    await directory.write('a', createNoise(3 * MIB))
    const range = { offset: 3 * MIB, length: 1 }
    await readBytes(storage, 'a')
    const before = await countDescriptors()
    for (let i = 0; i < 10; i++) {
      await expectTrouble(storage.open('a', { ifDigest: 'f'.repeat(64) }), 'changed')
      expect(await countDescriptors()).toBe(before)
      await expectTrouble(storage.open('a', { range }), 'out-of-range')
      expect(await countDescriptors()).toBe(before)
      await readBytes(storage, 'a')
      expect(await countDescriptors()).toBe(before)
      const abort = new AbortController()
      await storage.open('a', { signal: abort.signal })
      abort.abort()
      await expect.poll(countDescriptors, { interval: 1 }).toBe(before)
    }
  })

  it('are freed with the last byte, even if the end is not read', async () => {
    const storage = openStorage(directory.root)
    await directory.write('a', createNoise(2 * MIB))
    const before = await countDescriptors()
    const reader = (await storage.open('a'))?.body.getReader()
    for (let read = 0; read < 2 * MIB; ) read += (await reader?.read())?.value?.length ?? 0
    expect(await countDescriptors()).toBe(before)
  })

  it('are closed when the file changes under the reader', async () => {
    const storage = openStorage(directory.root)
    const before = await countDescriptors()
    for (let i = 0; i < 20; i++) {
      await directory.write('a', createNoise(3 * MIB, i))
      const reader = (await storage.open('a'))?.body.getReader()
      await reader?.read()
      await directory.write('a', toBytes('gone'))
      // One read may have been under way before.
      await expectTrouble(
        reader?.read().then(() => reader.read()),
        'changed',
      )
    }
    expect(await countDescriptors()).toBe(before)
  })
})

describe('a stream', () => {
  it('comes in chunks of 256 KiB, and a small file in one', async () => {
    const storage = openStorage(directory.root)
    await directory.write('large', createNoise(3 * MIB + 1))
    await directory.write('small', createNoise(1000))
    expect(await readSizes(storage, 'large')).toEqual([...Array(12).fill(MIB / 4), 1])
    expect(await readSizes(storage, 'small')).toEqual([1000])
  })

  it.each([
    ['nothing ahead of its second chunk', 1, 1],
    ['one chunk ahead of a later one', 2, 3],
  ])('reads %s', async (_what, taken, left) => {
    await directory.write('large', createNoise(3 * MIB))
    const storage = openStorage(directory.root)
    const reader = (await storage.open('large'))?.body.getReader()
    for (let i = 0; i < taken; i++) await reader?.read()
    // One of so many others shares its thread, which answers in order.
    const others = Array.from({ length: getMaxThreads() }, () => storage.open('large'))
    const readers = (await Promise.all(others)).map((other) => other?.body.getReader())
    await Promise.all(readers.map((other) => other?.read()))
    await Promise.all(readers.map((other) => other?.cancel()))
    await truncate(join(directory.root, 'large'), left * (MIB / 4))
    for (let i = taken; i < left; i++) expect((await reader?.read())?.value).toHaveLength(MIB / 4)
    await expect(reader?.read()).rejects.toMatchObject({ code: 'changed' })
  })

  async function readSizes(storage: ReturnType<typeof openStorage>, name: string): Promise<number[]> {
    const sizes: number[] = []
    for await (const chunk of (await storage.open(name))?.body ?? []) sizes.push(chunk.length)
    return sizes
  }
})

describe('a body', () => {
  it('of a fresh file errors when the bytes changed but no time did', async () => {
    await directory.write('a', createNoise(2 * MIB))
    await expectTrouble(drain(toStream(await readOther({ settled: false }))), 'changed')
  })

  it('of a settled file errors when the bytes changed but the file shows no change', async () => {
    await directory.write('a', createNoise(2 * MIB))
    await expectTrouble(drain(toStream(await readOther({ settled: true }))), 'integrity')
  })

  /** The file `a`, described as another one. */
  async function readOther({ settled }: { settled: boolean }) {
    const fd = openSync(join(directory.root, 'a'), 'r')
    const identity = toIdentity(fstatSync(fd, { bigint: true }))
    const systemId = settled ? identity.device : null
    const content = { identity, digest: await hash(toBytes('another content')), readAt: 0, systemId }
    const streams = createStreams()
    const chunks = streams.read({ fd, content, range: { offset: 0, length: 2 * MIB } })
    streams.close()
    return chunks
  }
})

describe('isSettled', () => {
  const identity: Identity = { device: 1n, inode: 1n, size: 1, modifiedNs: 0n, changedNs: 10_000_000_000n }

  it('holds more than two seconds after the later of modification and change', () => {
    expect(isSettled(identity, 12_000)).toBe(false)
    expect(isSettled(identity, 12_001)).toBe(true)
    expect(isSettled({ ...identity, modifiedNs: 11_000_000_000n }, 12_500)).toBe(false)
    expect(isSettled(identity, 0)).toBe(false)
  })
})

describe('toTime', () => {
  it('returns whole milliseconds, and null for a time that RFC 3339 cannot express', () => {
    expect(toTime(1_234_567_890n)).toBe(1234)
    expect(toTime(-1_000_000n)).toBe(-1)
    expect(toTime(253_402_300_800_000_000_000n)).toBeNull()
    expect(toTime(-62_167_219_200_001_000_000n)).toBeNull()
  })
})

describe('the digest memory', () => {
  it('drops the least recently used digest, once the index has been given it', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const index = createDigestIndex(openNoIndexFile(), 2)
    onTestFinished(index.close)
    const identity = { device: 1n, size: 1, modifiedNs: 0n, changedNs: 0n }
    const identityOf = (name: string) => ({ ...identity, inode: BigInt(name.charCodeAt(0)) })
    const known = { system: { path: '/', device: 1n, id: 1n }, now: 1_000_000 }
    const get = (name: string) => index.get(name, identityOf(name), known)?.digest
    const set = (name: string) =>
      index.set(name, { identity: identityOf(name), digest: name, readAt: 1, systemId: 1n })
    for (const name of ['a', 'b']) set(name)
    get('a')
    set('c')
    expect(get('b')).toBe('b')
    get('a')
    get('c')
    vi.advanceTimersByTime(WRITE_INDEX_MS)
    expect(['a', 'b', 'c'].map(get)).toEqual(['a', undefined, 'c'])
  })
})

describe('isAtByName', () => {
  it('distinguishes a file from one behind a linked parent, one that was replaced and one that is gone', async () => {
    await directory.write('dir/file', toBytes('a'))
    await symlink('dir', join(directory.root, 'link'))
    await mkdir(join(directory.root, 'other'))
    await directory.write('other/file', toBytes('a'))
    const handle = await open(join(directory.root, 'dir/file'))
    try {
      expect(await isAtByName(handle, join(directory.root, 'dir/file'))).toBe(true)
      expect(await isAtByName(handle, join(directory.root, 'link/file'))).toBe(false)
      expect(await isAtByName(handle, join(directory.root, 'other/file'))).toBe(false)
      await directory.remove('dir/file')
      expect(await isAtByName(handle, join(directory.root, 'dir/file'))).toBe(false)
    } finally {
      await handle.close()
    }
  })
})
