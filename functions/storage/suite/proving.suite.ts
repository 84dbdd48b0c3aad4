import { describe, expect } from 'vitest'
import { toBytes as fromHex, toDigest } from '../../wire/digest.ts'
import { proveNames } from '../prove.ts'
import type { ProveOptions, Storage } from '../storage.ts'
import { createTestHasher, toBytes } from './set-up.suite.ts'
import { createFact, createNoise, expectTrouble, INVALID_NAMES, type Setup } from './suite-tools.suite.ts'

const NONCE = '5e'.repeat(32)

/** The promises of `prove`, and that a storage without it can be read instead. */
export function describeProving(setup: Setup): void {
  const fact = createFact(setup)

  describe('prove', () => {
    fact('answers each name with the HMAC of its bytes under the nonce', async ({ storage, write }) => {
      const contents = new Map([
        ['large', createNoise(3 * 1024 * 1024 + 1)],
        ['dir/small', toBytes('abc')],
        ['empty', new Uint8Array()],
      ])
      for (const [name, bytes] of contents) await write(name, bytes)
      const names = [...contents.keys(), 'missing', 'dir', 'dir/small']
      const proofs = await Promise.all(prove(storage, names))
      const expected = [...contents.values(), null, null, contents.get('dir/small') ?? null]
      expect(proofs.map((proof) => proof && { size: proof.size, proof: proof.proof })).toEqual(
        await Promise.all(expected.map((bytes) => bytes && toProof(bytes))),
      )
    })

    fact('reads the bytes for each question', async ({ storage, write }) => {
      for (const text of ['abc', 'xyz']) {
        await write('a', toBytes(text))
        expect(await prove(storage, ['a'])[0]).toMatchObject(await toProof(toBytes(text)))
      }
    })

    fact('rejects an invalid name, and no other', async ({ storage, write }) => {
      await write('a', toBytes('abc'))
      const [wrong, right] = prove(storage, [INVALID_NAMES[0] ?? '', 'a'])
      await expectTrouble(wrong, 'invalid-name')
      expect(await right).toMatchObject({ size: 3 })
    })

    fact('rejects when its signal is aborted already', async ({ storage, write }) => {
      await write('a', toBytes('abc'))
      const signal = AbortSignal.abort()
      await expect(prove(storage, ['a'], { signal })[0]).rejects.toThrow()
    })
  })
}

function prove(storage: Storage, names: readonly string[], options: Partial<ProveOptions> = {}) {
  return proveNames(storage, names, { ...options, nonce: NONCE, createHasher: createTestHasher })
}

/** By Web Crypto. */
async function toProof(bytes: Uint8Array<ArrayBuffer>) {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', fromHex(NONCE), algorithm, false, ['sign'])
  return { size: bytes.length, proof: toDigest(await crypto.subtle.sign('HMAC', key, bytes)) }
}
