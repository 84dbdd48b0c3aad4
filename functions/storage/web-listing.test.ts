import { expect, it, vi } from 'vitest'
import { createHasher } from '../../runtime/node/hasher.ts'
import { createObjectStorage } from './object-storage.ts'
import { createStaticWeb } from './static-web.ts'

vi.mock('../wire/limits.ts', async (load) => ({ ...(await load<object>()), MAX_WEB_HELD_ENTRIES: 100 }))

/** A web server whose every directory lists so many files behind directories inside it, as deep as it is asked. */
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
  return { storage: createObjectStorage(objects, { createHasher }), asked }
}

it('a web server that lists ever more in directories inside each other is not followed', async () => {
  const { storage, asked } = createDeep(40, 400)
  await expect(storage.list()).rejects.toMatchObject({ code: 'unreadable', message: /100 entries/ })
  expect(asked).toHaveLength(3)
})

it('a web server may list as much altogether as it likes', async () => {
  const { storage } = createDeep(30, 2)
  expect((await storage.list()).entries).toHaveLength(90)
})
