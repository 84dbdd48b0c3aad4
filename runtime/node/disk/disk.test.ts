import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, renameSync, writeFileSync } from 'node:fs'
import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hash, toBytes } from '../../../functions/storage/suite/set-up.suite.ts'
import {
  createNoise,
  describeOne,
  expectTrouble,
  readBytes,
} from '../../../functions/storage/suite/suite-tools.suite.ts'
import {
  countDescriptors,
  createTestDirectory,
  later,
  openStorage,
  type TestDirectory,
} from '../directory-setup.suite.ts'
import type { DirectoryStorage } from '../directory-storage.ts'

const MIB = 1024 * 1024

let directory: TestDirectory
beforeEach(async () => {
  directory = await createTestDirectory()
})
afterEach(() => directory.close())

async function writeHoles(name: string, size: number): Promise<void> {
  await directory.write(name, new Uint8Array())
  await truncate(join(directory.root, name), size)
}

/** Asks for a large file; resolves, with the answer to come, when it is being hashed. */
async function beginToHash(storage: DirectoryStorage, name: string, signal?: AbortSignal) {
  const { promise: begun, resolve } = Promise.withResolvers<void>()
  const answer = storage.describe([name], { signal, onProgress: () => resolve() })[0]
  await Promise.race([begun, answer])
  return { answer }
}

describe('a request', () => {
  it('about a small file does not wait for a file of 2 GiB that is being hashed', async () => {
    const storage = openStorage(directory.root)
    await writeHoles('huge', 2048 * MIB)
    for (let i = 0; i < 50; i++) await directory.write(`${i}`, toBytes(`${i}`))
    const abort = new AbortController()
    const { answer } = await beginToHash(storage, 'huge', abort.signal)
    let done = false
    const ended = answer
      ?.catch(() => {})
      .then(() => {
        done = true
      })
    for (let i = 0; i < 50; i++) {
      expect((await describeOne(storage, `${i}`))?.size).toBe(`${i}`.length)
      expect(await readBytes(storage, `${i}`)).toEqual(toBytes(`${i}`))
    }
    expect(done).toBe(false)
    abort.abort()
    await ended
  })

  it('about a large file does not wait for another that is being hashed', async () => {
    const storage = openStorage(directory.root)
    await writeHoles('huge', 4096 * MIB)
    await writeHoles('large', 2 * MIB)
    const abort = new AbortController()
    const { answer } = await beginToHash(storage, 'huge', abort.signal)
    const first = await Promise.race([describeOne(storage, 'large'), answer])
    expect(first?.size).toBe(2 * MIB)
    abort.abort()
    await expect(answer).rejects.toThrow()
  })

  it('shares the hash of requests that came before the hash began', async () => {
    const storage = openStorage(directory.root)
    await writeHoles('large', 8 * MIB)
    await Promise.all([1, 2, 3].flatMap(() => storage.describe(['large'])))
    expect(storage.counts().computed).toBe(1)
  })

  it('made while its file is hashed shares that hash only when a change would show', async () => {
    await writeHoles('large', 256 * MIB)
    for (const { now, computed } of [
      { now: later, computed: 1 },
      { now: () => 0, computed: 2 },
    ]) {
      const storage = openStorage(directory.root, { now })
      const { answer } = await beginToHash(storage, 'large')
      const others = [1, 2].flatMap(() => storage.describe(['large']))
      await Promise.all([answer, ...others])
      expect(storage.counts().computed).toBe(computed)
    }
  })

  it('made while its file is hashed, after it was replaced, gets the new content', async () => {
    for (const now of [later, () => 0]) {
      const storage = openStorage(directory.root, { now })
      await writeHoles('large', 64 * MIB)
      const { answer } = await beginToHash(storage, 'large')
      writeFileSync(join(directory.root, 'new'), createNoise(2 * MIB))
      renameSync(join(directory.root, 'new'), join(directory.root, 'large'))
      const digest = await hash(createNoise(2 * MIB))
      expect((await describeOne(storage, 'large'))?.digest).toBe(digest)
      await answer
    }
  })

  it('never gets a content that was replaced before the request', async () => {
    const storage = openStorage(directory.root, { indexPath: directory.indexPath })
    const names = Array.from({ length: 100 }, (_, i) => `${i}`)
    for (const name of names) await directory.write(name, toBytes('first'))
    let answers: Promise<unknown>[] = []
    for (let i = 0; i < 200; i++) {
      const name = `${i % 100}`
      answers = answers.concat(storage.describe(names))
      writeFileSync(join(directory.root, 'new'), `content ${i}`)
      renameSync(join(directory.root, 'new'), join(directory.root, name))
      const [facts, bytes] = await Promise.all([describeOne(storage, name), readBytes(storage, name)])
      expect(facts?.digest).toBe(await hash(toBytes(`content ${i}`)))
      expect(bytes).toEqual(toBytes(`content ${i}`))
    }
    await Promise.all(answers)
  })

  it('is answered for each file of a large batch', async () => {
    const storage = openStorage(directory.root, { now: later })
    const names = Array.from({ length: 60 }, (_, i) => `${i}`)
    for (const [i, name] of names.entries()) await directory.write(name, createNoise(MIB - 1, i))
    const facts = await Promise.all(storage.describe(names))
    expect(new Set(facts.map((facts) => facts?.digest)).size).toBe(60)
    expect(storage.counts()).toEqual({ computed: 60, known: expect.any(Number) })
  })
})

describe('close', () => {
  it('ends every thread, and rejects waiting and later requests', async () => {
    await writeHoles('huge', 2048 * MIB)
    // The threads of the pool that Node reads with have begun.
    await countDescriptors()
    const before = countThreads()
    const storage = openStorage(directory.root)
    const { answer } = await beginToHash(storage, 'huge')
    expect(countThreads()).toBeGreaterThan(before)
    const refused = expectTrouble(answer, 'unreachable')
    await storage.close()
    await refused
    await expect.poll(countThreads).toBeLessThanOrEqual(before)
    await expectTrouble(describeOne(storage, 'huge'), 'unreachable')
    await storage.close()
  })

  it('leaves open streams readable, and no descriptor behind', async () => {
    const storage = openStorage(directory.root)
    const before = await countDescriptors()
    await directory.write('a', createNoise(3 * MIB))
    const opened = await storage.open('a')
    await storage.close()
    expect(await hash(new Uint8Array(await new Response(opened?.body).arrayBuffer()))).toBe(
      opened?.facts.digest,
    )
    expect(await countDescriptors()).toBe(before)
  })

  it('that is not called does not keep the process running', async () => {
    await directory.write('a', createNoise(3 * MIB))
    const child = spawn(process.execPath, ['--input-type=module', '-e', FORGET], {
      env: {
        ...process.env,
        MODULE: fileURLToPath(new URL('../directory-storage.ts', import.meta.url)),
        ROOT: directory.root,
        INDEX: directory.indexPath,
      },
    })
    const [[status], said, complaints] = await Promise.all([
      once(child, 'exit'),
      text(child.stdout),
      text(child.stderr),
    ])
    expect({ status, said, complaints }).toEqual({ status: 0, said: '3145728\n', complaints: '' })
  })

  it('of a pool that is hashing lets the process end', async () => {
    await writeHoles('huge', 2048 * MIB)
    const child = spawn(process.execPath, ['--input-type=module', '-e', CLOSE], {
      env: {
        ...process.env,
        HASH_POOL: fileURLToPath(new URL('hash-pool.ts', import.meta.url)),
        ROOT: directory.root,
      },
    })
    const [[status], said, complaints] = await Promise.all([
      once(child, 'exit'),
      text(child.stdout),
      text(child.stderr),
    ])
    expect({ status, said, complaints }).toEqual({ status: 0, said: 'closed\n', complaints: '' })
  })
})

function countThreads(): number {
  return readdirSync('/proc/self/task').length
}

const FORGET = `
  const { createDirectoryStorage } = await import(process.env.MODULE)
  const storage = createDirectoryStorage(process.env.ROOT, { indexPath: process.env.INDEX })
  console.log((await storage.describe(['a'])[0]).size)
`

describe('the background pass', () => {
  it('puts every file into the index, and reports its progress', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `dir${i % 3}/${i}`)
    for (const name of names) await directory.write(name, toBytes('abc'))
    await writeHoles('large', 3 * MIB)
    const storage = openStorage(directory.root, { indexPath: directory.indexPath, now: later })
    const seen: number[] = []
    const filled = await storage.fillIndex({ onProgress: ({ done }) => seen.push(done) })
    expect(filled).toEqual({ done: 101, total: 101, bytes: 300 + 3 * MIB })
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    await Promise.all(storage.describe([...names, 'large']))
    expect(storage.counts()).toMatchObject({ computed: 101 })
  })

  it('skips entries that are not files, have no valid name, or are links', async () => {
    await directory.write('.vouch/tmp/draft', toBytes('ours'))
    await directory.write('a', toBytes('abc'))
    writeFileSync(Buffer.from(`${directory.root}/\xff`, 'latin1'), 'not UTF-8')
    expect(await openStorage(directory.root).fillIndex()).toMatchObject({ done: 1, total: 1 })
  })

  it('pauses while a caller waits for an answer, and then continues', async () => {
    const storage = openStorage(directory.root)
    await writeHoles('huge', 4096 * MIB)
    const abort = new AbortController()
    const { answer } = await beginToHash(storage, 'huge', abort.signal)
    await directory.remove('huge')
    for (let i = 0; i < 20; i++) await directory.write(`${i}`, toBytes('abc'))
    let progress = 0
    const filling = storage.fillIndex({ onProgress: () => progress++ })
    for (let i = 0; i < 20; i++) await describeOne(storage, `${i}`)
    expect(progress).toBe(0)
    abort.abort()
    await expect(answer).rejects.toThrow()
    expect(await filling).toMatchObject({ total: 20 })
  })

  it('ends when its signal aborts, or when the storage closes', async () => {
    for (let i = 0; i < 100; i++) await directory.write(`${i}`, toBytes('abc'))
    const storage = openStorage(directory.root)
    const abort = new AbortController()
    const filled = await storage.fillIndex({ signal: abort.signal, onProgress: () => abort.abort() })
    expect(filled).toMatchObject({ total: null })
    const filling = storage.fillIndex()
    await storage.close()
    expect(await filling).toMatchObject({ total: null })
  })
})

const CLOSE = `
  const { createHashPool } = await import(process.env.HASH_POOL)
  const pool = createHashPool({ root: process.env.ROOT, now: Date.now, synced: () => null, onReturn() {} })
  await new Promise((begun) =>
    pool.add({ name: 'huge', options: { onProgress: begun }, askedAt: 0, attempts: 0, reject() {} }),
  )
  await pool.close(new Error('closed'))
  console.log('closed')
`
