import { describe, expect, it } from 'vitest'
import type { Signer } from '../../proof/keys.ts'
import { verifyNote } from '../../proof/note.ts'
import { readTree } from '../../proof/read-tree.ts'
import { createTestSigner } from '../../proof/signer.suite.ts'
import { parseTreeText } from '../../proof/tree-text.ts'
import { createReplica, type ReplicaOptions } from '../../replica/replica.ts'
import { createMemoryStorage } from '../../storage/memory.ts'
import { createRemoteStorage } from '../../storage/remote/remote.ts'
import type { Storage } from '../../storage/storage.ts'
import { parseJson } from '../../wire/json/parse.ts'
import { treesLine } from '../../wire/schemas/listings.ts'
import { StorageError } from '../../wire/storage-error.ts'
import type { CoordinatorOptions } from '../coordinator.ts'
import { createMemoryLedger } from '../ledger/memory-ledger.suite.ts'
import { coordinate, createHasher, refusing } from '../set-up.suite.ts'

const [hq, nas, vm] = [
  await createTestSigner('hq'),
  await createTestSigner('nas'),
  await createTestSigner('vm'),
] as const
const keys = [hq.key, nas.key, vm.key]
const FILES = { 'a/1': 'one', 'a/2': 'two', b: 'three' }

function serve(storage: Storage, options: ReplicaOptions): Storage {
  const app = createReplica(storage, { createHasher, ...options })
  const fetch = async (url: string, init: object) => await app.request(url, init)
  return createRemoteStorage('http://replica.test', { fetch })
}

const signing = (signer: Signer, files: Record<string, string> = FILES) =>
  serve(createMemoryStorage(files), { signers: [signer] })

async function ask(storages: readonly Storage[], query = '', options: Partial<CoordinatorOptions> = {}) {
  const response = await coordinate(storages, options).request(`/tree${query}`)
  const lines = (await response.text()).split('\n')
  const line = parseJson(treesLine, lines.at(-2) ?? '')
  if (!line.success || !('notes' in line.output)) throw new Error(`no trees: ${lines}`)
  const { replicas, notes } = line.output
  const signed = await Promise.all(
    notes.map(async ({ replicas, note }) => {
      const { text, signed } = await verifyNote(note, keys)
      return {
        replicas,
        ...parseTreeText(text),
        by: signed.map(({ origin, of }) => [origin, of].join(' ').trim()),
      }
    }),
  )
  return { replicas, signed }
}

const toRoot = async (files: Record<string, string>, prefix = '') =>
  (await readTree(createMemoryStorage(files), prefix, { createHasher })).root

describe('GET /tree', () => {
  it('has replicas with the same files sign one note, and signs for one that has no key', async () => {
    const three = [signing(nas), signing(vm), createMemoryStorage(FILES)]
    const { replicas, signed } = await ask(three, '', { signers: [hq] })
    const root = await toRoot(FILES)
    expect(replicas).toEqual(['server1', 'server2', 'server3'].map((id) => ({ id, files: 3, root })))
    const by = ['nas', 'vm', 'hq server3']
    expect(signed).toEqual([{ replicas: ['server1', 'server2', 'server3'], prefix: '', files: 3, root, by }])
  })

  it('is of the files with a prefix', async () => {
    const { signed } = await ask([signing(nas)], '?prefix=a/')
    expect(signed).toMatchObject([{ prefix: 'a/', files: 2, root: await toRoot(FILES, 'a/') }])
  })

  it('has replicas with other files sign notes of their own', async () => {
    const other = { ...FILES, b: 'other' }
    const { signed } = await ask([signing(nas), signing(vm, other)])
    expect(signed).toMatchObject([
      { replicas: ['server1'], root: await toRoot(FILES), by: ['nas'] },
      { replicas: ['server2'], root: await toRoot(other), by: ['vm'] },
    ])
  })

  it('says which replica did not answer, and which nobody signed for', async () => {
    const { replicas, signed } = await ask([signing(nas), refusing, createMemoryStorage(FILES)])
    expect(replicas).toMatchObject([
      { id: 'server1' },
      { id: 'server2', error: 'connection_refused' },
      { id: 'server3', files: 3 },
    ])
    expect(signed.map(({ replicas }) => replicas)).toEqual([['server1']])
  })

  it('reads the tree of a server that has no key, or is of an earlier version', async () => {
    for (const status of [200, 404]) {
      const app = createReplica(createMemoryStorage(FILES), { createHasher })
      const fetch = async (url: string, init: object) =>
        status === 404 && url.endsWith('/tree')
          ? new Response(null, { status })
          : await app.request(url, init)
      const { signed } = await ask([createRemoteStorage('http://replica.test', { fetch })], '', {
        signers: [hq],
      })
      expect(signed).toMatchObject([{ by: ['hq server1'] }])
    }
  })

  it('takes no signature that is of another tree', async () => {
    const honest = signing(nas)
    const liar: Storage = {
      ...honest,
      signTree: async (prefix, options) => {
        const tree = await honest.signTree?.(prefix, options)
        return tree ? { ...tree, files: tree.files + 1 } : null
      },
    }
    const { replicas, signed } = await ask([liar], '', { signers: [hq] })
    expect([replicas[0]?.detail, signed]).toEqual(['the replica signed something else than it answered', []])
  })

  it('counts a key once, since a note with the same line twice is void', async () => {
    const twice = serve(createMemoryStorage(FILES), { signers: [hq, hq] })
    const { replicas, signed } = await ask([signing(nas), signing(nas), signing(vm), twice])
    const detail = 'the replica signed with the key of another, or with one key twice'
    expect(replicas).toMatchObject([{ files: 3 }, { detail }, { files: 3 }, { detail }])
    expect(signed).toMatchObject([{ replicas: ['server1', 'server3'], by: ['nas', 'vm'] }])
  })

  it('signs nothing for a replica with a file that cannot be read', async () => {
    const memory = createMemoryStorage(FILES)
    const failing: Storage = {
      ...memory,
      describe: (names, options) =>
        memory
          .describe(names, options)
          .map((answer, i) =>
            names[i] === 'b' ? Promise.reject(new StorageError('unreadable', 'a bad sector')) : answer,
          ),
    }
    for (const storage of [failing, serve(failing, { signers: [nas] })]) {
      const { replicas, signed } = await ask([storage], '', { signers: [hq] })
      expect(replicas[0]?.detail).toContain("1 file, the first of them 'b': a bad sector")
      expect(signed).toEqual([])
    }
  })

  it('refuses a prefix that no name has', async () => {
    const response = await coordinate([signing(nas)]).request(`/tree?prefix=${'a'.repeat(1025)}`)
    expect([response.status, (await response.json()).type]).toEqual([400, 'invalid-parameter'])
  })
})

describe('GET /trees', () => {
  it('shows the notes that were signed, the latest first', async () => {
    const ledger = createMemoryLedger()
    const app = coordinate([signing(nas)], { ledger })
    await (await app.request('/tree')).text()
    await (await app.request('/tree?prefix=a/')).text()
    const { trees } = await (await app.request('/trees')).json()
    expect(trees).toHaveLength(2)
    expect(trees[0]).toMatchObject({ replicas: ['server1'], note: expect.stringContaining('names a/*') })
    expect((await (await app.request('/trees?limit=1')).json()).trees).toEqual(trees.slice(0, 1))
    expect((await app.request('/trees?limit=0')).status).toBe(400)
    expect((await coordinate([signing(nas)]).request('/trees')).status).toBe(404)
  })
})
