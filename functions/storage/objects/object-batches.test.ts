import { expect, it } from 'vitest'
import { fromBytes, toStream } from '../../bytes/chunks.ts'
import { createTestHasher, hash, toBytes } from '../suite/set-up.suite.ts'
import { readSurvey } from '../survey/read-survey.ts'
import { createDigestCache } from './digest-cache.ts'
import { createObjectStorage } from './object-storage.ts'
import type { ObjectInfo, Objects } from './objects.ts'

const WHOLE = {
  ranges: [{ after: '', until: null }],
  prefix: '',
  maxAge: null,
  match: [],
  exclude: [],
  grain: 0,
}

/**
 * A store without versions; the keys in `together` can be read together. `log` gets what is read, and how.
 */
function createStore(files: Map<string, string>, together: ReadonlySet<string>) {
  const log: string[] = []
  const toInfo = (key: string): ObjectInfo | null => {
    const content = files.get(key)
    if (content === undefined) return null
    return { key, size: content.length, modified: 1000, version: null, stored: null }
  }
  const toBody = (key: string) => fromBytes(toBytes(files.get(key) ?? ''))
  const objects: Objects = {
    head: async (key) => toInfo(key),
    async get(key) {
      log.push(`alone ${key}`)
      const info = toInfo(key)
      return info && { info, body: toStream(toBody(key)) }
    },
    list: async () => ({ objects: [...files.keys()].flatMap((key) => toInfo(key) ?? []), isLast: true }),
    async readAll(keys, { isNeeded, read }) {
      const done = []
      for (const key of keys) {
        const info = toInfo(key)
        if (info === null || !together.has(key) || !(await isNeeded(info))) continue
        log.push(`together ${key}`)
        done.push({ info, result: await read(info, toBody(key)) })
      }
      return done
    },
  }
  return { storage: createObjectStorage(objects, { createHasher: createTestHasher }), log }
}

async function survey({ storage }: ReturnType<typeof createStore>, pass?: string) {
  const found = []
  for await (const line of readSurvey(storage, { ...WHOLE, pass })) {
    if ('said' in line && 'digest' in line.said) found.push([line.name, line.said.digest, line.said.evidence])
  }
  return found
}

const toFound = async (evidence: string) => [
  ['a', await hash(toBytes('one')), evidence],
  ['b', await hash(toBytes('two')), 'read'],
]

it('a survey reads objects together, and asks alone for those that are left out', async () => {
  const store = createStore(new Map([['a', 'one'], ['b', 'two']]), new Set(['a'])) // biome-ignore format: a table
  expect(await survey(store)).toEqual(await toFound('read'))
  expect(store.log.sort()).toEqual(['alone b', 'together a'])
})

it('what was read together counts for the rest of the pass, for the same size and time, and not for another', async () => {
  const files = new Map([['a', 'one'], ['b', 'two']]) // biome-ignore format: a table
  const store = createStore(files, new Set(['a']))
  await survey(store, 'first')
  store.log.length = 0
  expect(await survey(store, 'first')).toEqual(await toFound('remembered'))
  expect(store.log).toEqual(['alone b'])
  expect(await survey(store, 'second')).toEqual(await toFound('read'))
  files.set('a', 'longer')
  store.log.length = 0
  const [[, digest] = []] = await survey(store, 'second')
  expect([digest, store.log.includes('together a')]).toEqual([await hash(toBytes('longer')), true])
})

it('an object asked for alone is remembered by the version that only a question tells, not the answer with its bytes', async () => {
  const contents = new Map(['a', 'b', 'c'].map((key) => [key, `content of ${key}`]))
  const toInfo = (key: string, version: string | null): ObjectInfo => {
    return { key, size: contents.get(key)?.length ?? 0, modified: 1000, version, stored: null }
  }
  const objects: Objects = {
    head: async (key) => toInfo(key, 'one'),
    get: async (key, { version }) => ({
      info: { ...toInfo(key, version), stored: undefined },
      body: toStream(fromBytes(toBytes(contents.get(key) ?? ''))),
    }),
    list: async () => ({ objects: [...contents.keys()].map((key) => toInfo(key, null)), isLast: true }),
    readAll: async () => [],
  }
  const options = { createHasher: createTestHasher, cache: createDigestCache() }
  const store = { storage: createObjectStorage(objects, options), log: [] }
  for (const evidence of ['read', 'remembered', 'remembered'])
    expect((await survey(store)).map((one) => one[2])).toEqual([evidence, evidence, evidence])
})
