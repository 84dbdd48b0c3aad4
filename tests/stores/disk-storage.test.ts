import { execFile } from 'node:child_process'
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Emulator, startEmulator } from '../../emulator/emulator.ts'
import { createRemoteStorage } from '../../functions/storage/remote/remote.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { describeStorage } from '../../functions/storage/suite/storage.suite.ts'
import type { Planted } from '../../functions/storage/suite/suite-tools.suite.ts'
import { StorageError } from '../../functions/wire/storage-error.ts'
import { plantUnlisted } from '../../runtime/node/directory-setup.suite.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'

const { path: root, remove } = createTemporaryDirectory('vouch-disk-')
let emulator: Emulator
let storage: Storage

beforeAll(async () => {
  emulator = await startEmulator({ replicas: { server1: root } })
  storage = createRemoteStorage(`${emulator.url}/~server1`)
})
afterAll(async () => {
  await emulator.close()
  remove()
})

async function clear(): Promise<void> {
  await mkdir(root, { recursive: true })
  for (const entry of await readdir(root, { encoding: 'buffer' })) {
    await rm(Buffer.concat([Buffer.from(`${root}/`), entry]), { recursive: true })
  }
}

async function write(name: string, bytes: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(root, name)), { recursive: true })
  await writeFile(join(root, name), bytes)
}

/** Over a socket a copy that changes can only break off; its error inside workerd is not visible here. */
function sayingChanged(storage: Storage): Storage {
  return {
    ...storage,
    async open(name, options) {
      const opened = await storage.open(name, options)
      return opened && { ...opened, body: brokenIsChanged(opened.body) }
    },
  }
}

function brokenIsChanged(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read().catch((error) => {
        throw error.code === 'unreachable' ? new StorageError('changed', error.message) : error
      })
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}

/** As `plantUnlisted`, but that a directory which cannot be named is not entered, and counts as one file. */
async function plant(): Promise<Planted[]> {
  const planted = plantUnlisted(root).filter(({ example }) => !example.startsWith('b\\dir/'))
  return [...planted.map(toMended), { kind: 'backslash', example: 'b\\dir/' }]
}

/** The service shows U+FFFD in the place of a byte that is not UTF-8. */
function toMended({ kind, example }: Planted): Planted {
  return { kind, example: example.replace('\\xff', '\ufffd') }
}

describeStorage('a directory through the disk service of workerd, over HTTP', async () => {
  await clear()
  return {
    storage: sayingChanged(storage),
    write,
    remove: (name) => rm(join(root, name)),
    writable: false,
    seesChanges: true,
    plant,
    close: async () => {},
  }
})

describe('the disk service', () => {
  beforeEach(clear)
  const describeOne = async (name: string) => (await storage.describe([name])[0]) ?? null
  const listNames = async () => (await storage.list()).entries.map(({ name }) => name)

  it('is never asked for a symbolic link, or for a name behind one', async () => {
    await write('file.txt', 'file')
    await write('folder/inside.txt', 'inside')
    await symlink('file.txt', join(root, 'link.txt'))
    await symlink('folder', join(root, 'way'))
    await symlink('/etc/hostname', join(root, 'outside'))
    await symlink('nowhere', join(root, 'dangling'))
    for (const name of ['link.txt', 'way', 'way/inside.txt', 'outside', 'dangling']) {
      await expect(describeOne(name)).rejects.toMatchObject({ code: 'not-a-file' })
      await expect(storage.open(name)).rejects.toMatchObject({ code: 'not-a-file' })
    }
    expect(await listNames()).toEqual(['file.txt', 'folder/inside.txt'])
  })

  it('is never asked for a device, FIFO or socket', async () => {
    const socket = createServer().listen(join(root, 'socket'))
    await promisify(execFile)('mkfifo', [join(root, 'fifo')])
    const device = promisify(execFile)('mknod', [join(root, 'device'), 'c', '1', '5'])
    const names = ['fifo', 'socket', ...(await device.then(() => ['device'], sayWhyNot))]
    for (const name of names) {
      await expect(describeOne(name)).rejects.toMatchObject({ code: 'not-a-file' })
      await expect(storage.open(name)).rejects.toMatchObject({ code: 'not-a-file' })
    }
    expect(await listNames()).toEqual([])
    socket.close()
  })

  function sayWhyNot(error: unknown): string[] {
    console.warn(`NOT TESTED: a device, which only root can make (${error})`)
    return []
  }

  it('shows files whose names begin with a dot, except those of vouch', async () => {
    await write('.hidden', 'a')
    await write('.folder/.file', 'b')
    await write('.vouch/index', 'c')
    expect(await describeOne('.folder/.file')).toMatchObject({ size: 1 })
    expect(await listNames()).toEqual(['.folder/.file', '.hidden'])
  })

  it('omits a name that is not UTF-8, and confuses no other name with it', async () => {
    await write('good', 'a')
    await writeFile(Buffer.concat([Buffer.from(`${root}/bad`), Buffer.from([0xff])]), 'b')
    expect(await listNames()).toEqual(['good'])
    expect(await describeOne('bad\ufffd')).toBeNull()
    await symlink('good', join(root, 'bad\ufffd'))
    await expect(describeOne('bad\ufffd')).rejects.toMatchObject({ code: 'not-a-file' })
  })
})
