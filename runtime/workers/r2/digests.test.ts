import { expect, it } from 'vitest'
import { createDigests } from './digests.ts'

const [untrue, known] = ['a'.repeat(64), 'b'.repeat(64)].map((digest) => ({ digest, readAt: 1000 })) as [
  { digest: string; readAt: number },
  { digest: string; readAt: number },
] // two for two

/** Workers KV that returns the first value of each key for ever, as it may for a minute. */
function createLateKv() {
  const values = new Map<string, string>()
  return {
    get: async (key: string) => values.get(key) ?? null,
    async put(key: string, value: string) {
      if (!values.has(key)) values.set(key, value)
    },
  }
}

it('does not read from KV a digest that it dropped, until there is another', async () => {
  const digests = createDigests('place', createLateKv())
  await digests.set('key', 'v1', untrue)
  await digests.forget('key', 'v1')

  expect(await digests.get('key', 'v1')).toBeUndefined()

  await digests.set('key', 'v1', known)
  expect(await digests.get('key', 'v1')).toEqual(known)
})

it('shares computed digests with others, but not those that the store keeps', async () => {
  const kv = createLateKv()
  const [one, other] = [createDigests('place', kv), createDigests('place', kv)]
  await one.set('key', 'v1', known)
  await one.set('other', 'v1', { ...known, readAt: null })

  expect(await other.get('key', 'v1')).toEqual(known)
  expect(await other.get('key', 'v2')).toBeUndefined()
  expect(await other.get('other', 'v1')).toBeUndefined()
})
