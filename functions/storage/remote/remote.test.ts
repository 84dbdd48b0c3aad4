import { expect, it } from 'vitest'
import { createProblem } from '../../http/problems.ts'
import { createRemoteStorage } from './remote.ts'

it('says that a replica server is too old where it has no such resource yet', async () => {
  const old = createRemoteStorage('http://replica.test', {
    fetch: async () => createProblem('no-such-resource', 'nothing is at /prove'),
  })
  const [proof] = old.prove?.(['a.txt'], { nonce: '0'.repeat(64) }) ?? []
  await expect(proof).rejects.toThrow('cannot prove copies, because it is of an earlier version; update it')
  const moved = old.move?.('a.txt', 'b.txt', { digest: '0'.repeat(64) })
  await expect(moved).rejects.toThrow('cannot move files, because it is of an earlier version; update it')
})
