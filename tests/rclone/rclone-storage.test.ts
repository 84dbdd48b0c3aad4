import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe } from 'vitest'
import { describeEvidence } from '../../functions/storage/suite/evidence.suite.ts'
import { describePassing } from '../../functions/storage/suite/passing.suite.ts'
import { describeReading } from '../../functions/storage/suite/reading.suite.ts'
import { describeStorage, type StorageUnderTest } from '../../functions/storage/suite/storage.suite.ts'
import { plantUnlisted } from '../../runtime/node/directory-setup.suite.ts'
import { openRcloneStorage } from '../../runtime/node/rclone/open-rclone.ts'
import { toRcloneName } from '../../runtime/node/rclone/rclone-names.ts'
import { openRclone, type RcloneServer } from '../../runtime/node/rclone/rclone-server.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'
import { configure, obscure } from './remotes.suite.ts'

const home = createTemporaryDirectory('vouch-rclone-')
const source = join(home.path, 'source')
const below = join(home.path, 'below')

let rclone: RcloneServer
let made = 0

const env = configure(home.path, {
  disk: { type: 'local' },
  secret: { type: 'crypt', remote: below, password: obscure('one') },
})

beforeAll(async () => {
  mkdirSync(source)
  // Kept open, so that every test uses it.
  rclone = await openRclone(env)
})

afterAll(async () => {
  await rclone.close()
  home.remove()
})

async function open(remote: string, path: string) {
  return await openRcloneStorage({ remote, path }, { env, indexPath: null, onNotice: () => {} })
}

/** An empty directory that is marked as not being a lost disk. */
async function createLocal(): Promise<StorageUnderTest> {
  const directory = join(home.path, `d${made++}`)
  const write = async (name: string, bytes: Uint8Array | string) => {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), bytes)
  }
  await write('.vouch/replica', '')
  const { storage, close } = await open('disk', directory)
  return {
    ...{ storage, write, writable: false, seesChanges: true },
    remove: async (name) => rmSync(join(directory, name)),
    async plant() {
      const planted = plantUnlisted(directory)
      // rclone leaves out links and FIFOs, and shows U+FFFD for bytes. No directory is entered without a
      // valid name.
      const shown = planted.filter(
        ({ kind, example }) => !['link', 'fifo'].includes(kind) && !example.startsWith('b\\dir'),
      )
      return [
        ...shown.map(({ kind, example }) => ({ kind, example: example.replace('\\xff', '\ufffd') })),
        { kind: 'backslash', example: 'b\\dir/' },
      ]
    },
    async close() {
      await close()
      rmSync(directory, { recursive: true })
    },
  }
}

/**
 * The same, encrypted with the names, which rclone writes. All tests use one remote: its key takes long to
 * derive.
 */
async function createEncrypted(): Promise<StorageUnderTest> {
  const write = async (name: string, bytes: Uint8Array | string) => {
    writeFileSync(join(source, 'file'), bytes)
    const from = { srcFs: source, srcRemote: 'file' }
    await call(
      'operations/copyfile',
      { ...from, dstFs: 'secret:', dstRemote: toRcloneName(name) },
      v.object({}),
    )
  }
  mkdirSync(below)
  await write('.vouch/replica', '')
  const { storage, close } = await open('secret', '')
  return {
    ...{ storage, write, writable: false, seesChanges: true },
    holds: (name) => name.split('/').every((segment) => Buffer.byteLength(segment) <= 143),
    async remove(name) {
      await call('operations/deletefile', { fs: 'secret:', remote: toRcloneName(name) }, v.object({}))
    },
    async plant() {
      const names = ['d/x\\y', 'x\\y']
      for (const name of names) await write(name, name)
      writeFileSync(join(below, dirname(await encode('d/file')), 'other'), 'of another password')
      return [
        ...names.map((example) => ({ kind: 'backslash', example }) as const),
        { kind: 'other', example: 'd/other' },
      ]
    },
    async close() {
      await close()
      rmSync(below, { recursive: true })
    },
  }
}

async function encode(name: string): Promise<string> {
  const schema = v.object({ result: v.tuple([v.string()]) })
  const answer = await call('backend/command', { command: 'encode', fs: 'secret:', arg: [name] }, schema)
  return answer.result[0]
}

async function call<T extends v.GenericSchema>(method: string, parameters: object, schema: T) {
  const answer = await rclone.call(method, parameters, schema)
  if (typeof answer === 'string') throw new Error(`${method}: ${answer}`)
  return answer
}

describeStorage('files of a disk, through rclone', createLocal)
// All of it with VOUCH_RCLONE=1, as `npm run test:rclone` has it: listing encrypted names takes much
// processor time.
if (process.env['VOUCH_RCLONE'] === '1') describeStorage('files that rclone encrypts', createEncrypted)
else {
  describe('files that rclone encrypts', () => {
    describeReading(createEncrypted)
    describeEvidence(createEncrypted)
    describePassing(createEncrypted)
  })
}
