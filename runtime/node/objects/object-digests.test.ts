import { beforeEach, expect, it } from 'vitest'
import { useTemporaryDirectory } from '../temporary-directory.suite.ts'
import { openObjectDigests } from './object-digests.ts'

const ONE = '1'.repeat(64)
const TWO = '2'.repeat(64)

let directory: string
beforeEach(() => {
  directory = useTemporaryDirectory()
})

const open = () => openObjectDigests(directory, 'static http://mirror.example/', () => {})

/** The remembered digest after a restart. */
async function readAgain(key: string, version: string) {
  const digests = open()
  try {
    return await digests.get(key, version)
  } finally {
    digests.close()
  }
}

it('a digest is remembered with the time of its reading, and a stored one without, also after a restart', async () => {
  const digests = open()
  await digests.set('read', 'v1', { digest: ONE, readAt: 1_000 })
  await digests.set('stored', 'v1', { digest: TWO, readAt: null })
  digests.close()
  expect(await readAgain('read', 'v1')).toEqual({ digest: ONE, readAt: 1_000 })
  expect(await readAgain('read', 'v2')).toBeUndefined()
  expect(await readAgain('stored', 'v1')).toEqual({ digest: TWO, readAt: null })
})

it('a digest that was forgotten is forgotten after a restart too', async () => {
  const digests = open()
  await digests.set('a', 'v1', { digest: ONE, readAt: 1_000 })
  await digests.forget('a', 'v1')
  expect(await digests.get('a', 'v1')).toBeUndefined()
  digests.close()
  expect(await readAgain('a', 'v1')).toBeUndefined()
})
