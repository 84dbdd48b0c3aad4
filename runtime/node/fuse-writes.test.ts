import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createSource, hash, toBytes, toPut } from '../../functions/storage/suite-tools.suite.ts'
import { createDirectoryStorage } from './directory-storage.ts'
import {
  describeWrites,
  mountExfat,
  mountGocryptfs,
  mountMergerfs,
  mountQuota,
  mountRclone,
  mountSshfs,
} from './fuse-writes.suite.ts'

describeWrites('sshfs', mountSshfs, { hasNew: true, isSteady: true })
describeWrites('mergerfs', mountMergerfs, { hasNew: true, isSteady: true })
describeWrites('gocryptfs', mountGocryptfs, { hasNew: true, isSteady: true })
describeWrites('exfat-fuse', mountExfat, { hasNew: false, isSteady: true })
describeWrites('rclone mount', mountRclone, { hasNew: false, isSteady: false })

it('a write beyond a quota is refused as that, and leaves what was there', async () => {
  const path = mkdtempSync(join(tmpdir(), 'vouch-'))
  const root = join(path, 'root')
  mkdirSync(root)
  const mounted = mountQuota(path, root, 4)
  const storage = createDirectoryStorage(root, { writable: true, indexPath: null })
  try {
    writeFileSync(join(root, 'a'), 'old')
    const large = new Uint8Array(8 * 1024 * 1024).fill(1)
    const put = await toPut(large, await hash(toBytes('old')))
    await expect(storage.put('a', createSource(large).body, put)).rejects.toMatchObject({
      code: 'unreadable',
      message: 'cannot be written (EDQUOT, disk quota exceeded)',
    })
    expect(readFileSync(join(root, 'a'), 'utf8')).toBe('old')
  } finally {
    await storage.close()
    await mounted.close()
    rmSync(path, { recursive: true })
  }
})
