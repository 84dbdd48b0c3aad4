import { symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createDirectoryStorage } from '../directory-storage.ts'
import { useTemporaryDirectory } from '../temporary-directory.suite.ts'

const nonce = '07'.repeat(32)

it('ends the reading of a file whose question was aborted, and proves others after that', async () => {
  const directory = useTemporaryDirectory()
  await writeFile(join(directory, 'large'), '')
  await truncate(join(directory, 'large'), 2 ** 40)
  await writeFile(join(directory, 'small'), 'abc')
  const storage = createDirectoryStorage(directory, { indexPath: null })
  try {
    const left = new AbortController()
    const names = ['large', 'large.none', 'small']
    const proofs = storage.prove?.(names, {
      ...{ nonce, signal: left.signal },
      onProgress: ({ reading }) => reading?.name === 'large' && left.abort(new Error('left')),
    })
    // Whichever of them is rejected first.
    const settled = Promise.allSettled(proofs ?? [])
    // It would take half an hour.
    await expect(proofs?.[0]).rejects.toThrow('left')
    await settled
    expect(await storage.prove?.(['small'], { nonce })[0]).toMatchObject({ size: 3 })
  } finally {
    await storage.close()
  }
})

it('rejects what it reads when it is closed', async () => {
  const directory = useTemporaryDirectory()
  await writeFile(join(directory, 'large'), '')
  await truncate(join(directory, 'large'), 2 ** 40)
  const storage = createDirectoryStorage(directory, { indexPath: null })
  const started = Promise.withResolvers<void>()
  const proof = storage.prove?.(['large'], { nonce, onProgress: () => started.resolve() })[0]
  const refused = expect(proof).rejects.toMatchObject({ code: 'unreachable' })
  await started.promise
  await storage.close()
  await refused
  await expect(storage.prove?.(['large'], { nonce })[0]).rejects.toMatchObject({ code: 'unreachable' })
})

it('follows no link', async () => {
  const directory = useTemporaryDirectory()
  await symlink('/etc/hostname', join(directory, 'link'))
  const storage = createDirectoryStorage(directory, { indexPath: null })
  try {
    const proof = storage.prove?.(['link'], { nonce })[0]
    await expect(proof).rejects.toMatchObject({ code: 'not-a-file' })
  } finally {
    await storage.close()
  }
})
