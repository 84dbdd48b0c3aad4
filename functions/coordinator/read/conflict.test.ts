import { expect, it } from 'vitest'
import { createMemoryStorage } from '../../storage/memory.ts'
import { createTestHasher as createHasher } from '../../storage/suite/set-up.suite.ts'
import { MAX_MULTIPART_VERSIONS } from '../../wire/limits.ts'
import { createCoordinator } from '../coordinator.ts'

it.each([
  [MAX_MULTIPART_VERSIONS, 300],
  [MAX_MULTIPART_VERSIONS + 1, 409],
])('a conflict of %i versions, requested as multipart/mixed, is answered with %i', async (count, status) => {
  const replicas = Array.from({ length: count }, (_, i) => ({
    id: `r${i}`,
    storage: createMemoryStorage({ f: String(i) }),
  }))
  const headers = { Accept: 'multipart/mixed' }
  const response = await createCoordinator(replicas, { createHasher }).request('/files/f', { headers })
  expect(response.status).toBe(status)
  await response.arrayBuffer()
})
