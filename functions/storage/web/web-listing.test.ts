import { expect, it, vi } from 'vitest'
import { createObjectStorage } from '../objects/object-storage.ts'
import { createTestHasher } from '../suite/set-up.suite.ts'
import { createStaticWeb } from './static-web.ts'

vi.mock('../../wire/limits.ts', async (load) => ({ ...(await load<object>()), MAX_WEB_HELD_ENTRIES: 100 }))

/** A web server that lists in every directory so many files and one more directory, endlessly. */
function createDeep(files: number, depth: number) {
  const file = { type: 'file', size: 1, mtime: 'Wed, 01 Jan 2025 00:00:00 GMT' }
  const asked: string[] = []
  const fetch = async (url: string) => {
    asked.push(url)
    const here = url.split('/').length - 'http://web.test/'.split('/').length
    const entries = Array.from({ length: files }, (_, i) => ({ ...file, name: `z${i}` }))
    return Response.json(here < depth ? [{ name: 'd', type: 'directory' }, ...entries] : entries)
  }
  const objects = createStaticWeb('http://web.test/', { fetch })
  return { storage: createObjectStorage(objects, { createHasher: createTestHasher }), asked }
}

it('a web server whose nested directories list ever more is not followed', async () => {
  const { storage, asked } = createDeep(40, 400)
  await expect(storage.list()).rejects.toMatchObject({ code: 'unreadable', message: /100 entries/ })
  expect(asked).toHaveLength(3)
})

it('a web server may list any number of names in total', async () => {
  const { storage } = createDeep(30, 2)
  expect((await storage.list()).entries).toHaveLength(90)
})
