import { describe, expect, it, vi } from 'vitest'
import type { PublicKey, Signer } from '../../proof/keys.ts'
import { parseNote, verifyNote } from '../../proof/note.ts'
import { parseReceiptText } from '../../proof/receipt.ts'
import { createTestSigner } from '../../proof/signer.suite.ts'
import { createReplica, type ReplicaOptions } from '../../replica/replica.ts'
import { createMemoryStorage } from '../../storage/memory.ts'
import { createRemoteStorage } from '../../storage/remote/remote.ts'
import type { Storage } from '../../storage/storage.ts'
import { toDigest } from '../../wire/digest.ts'
import type { CoordinatorOptions } from '../coordinator.ts'
import type { Observer } from '../observer.ts'
import { coordinate, refusing } from '../set-up.suite.ts'

const [hq, nas, vm, next] = await Promise.all([
  createTestSigner('hq'),
  createTestSigner('nas.example/files'),
  createTestSigner('vm'),
  createTestSigner('vm'),
])
const keys = (...signers: readonly Signer[]): readonly PublicKey[] => signers.map(({ key }) => key)
const NAME = 'photos/a cat\n.jpg'
const URL = '/files/photos/a%20cat%0A.jpg'
const holding = (text: string | null) => createMemoryStorage(text === null ? {} : { [NAME]: text })

/** A replica server, as a coordinator elsewhere sees it. */
function serve(storage: Storage, options: ReplicaOptions): Storage {
  const app = createReplica(storage, options)
  const fetch = async (url: string, init: object) => await app.request(url, init)
  return createRemoteStorage('http://replica.test', { fetch })
}

async function ask(
  storages: readonly Storage[],
  { url = `${URL}?receipt`, ...options }: Partial<CoordinatorOptions> & { readonly url?: string } = {},
) {
  const response = await coordinate(storages, options).request(url)
  return { response, text: await response.text() }
}

/** Who has signed, and for whom. */
async function readSigners(text: string, ...signers: readonly Signer[]) {
  const { signed } = await verifyNote(text, keys(...signers))
  return signed.map(({ origin, of }) => (of === undefined ? origin : `${origin} for ${of}`))
}

const hash = async (text: string) =>
  toDigest(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))

describe('a receipt', () => {
  it('is one text that every replica which agrees has signed', async () => {
    const both = [serve(holding('x'), { signers: [nas] }), serve(holding('x'), { signers: [vm] })]
    const { response, text } = await ask(both)
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('text/vouch-receipt; charset=utf-8')
    expect(response.headers.get('Content-Length')).toBe(String(new TextEncoder().encode(text).length))
    expect(response.headers.get('Replica-Agreement')).toBe('unanimous;answered=2;of=2')
    expect(await readSigners(text, nas, vm)).toEqual(['nas.example/files', 'vm'])
    expect(parseReceiptText(parseNote(text).text)).toEqual({ name: NAME, digest: await hash('x'), size: 1 })
  })

  it('is made of the answers of its own read, however soon it follows another', async () => {
    const storage = holding('x')
    const app = coordinate([serve(storage, { signers: [nas] }), holding('x')], { signers: [hq] })
    const read = async () => await (await app.request(`${URL}?receipt`)).text()
    expect(await readSigners(await read(), nas, hq)).toEqual([nas.key.origin, 'hq for server2'])
    storage.delete(NAME)
    expect(await readSigners(await read(), nas, hq)).toEqual(['hq for server2'])
    storage.set(NAME, 'x')
    expect(await readSigners(await read(), nas, hq)).toEqual([nas.key.origin, 'hq for server2'])
  })

  it('is also the answer to a client that accepts its type', async () => {
    const app = coordinate([serve(holding('x'), { signers: [nas] })])
    const response = await app.request(URL, { headers: { Accept: 'text/vouch-receipt' } })
    expect(await readSigners(await response.text(), nas)).toEqual([nas.key.origin])
    expect(await (await app.request(URL, { headers: { Accept: '*/*' } })).text()).toBe('x')
  })

  it('has a line of the coordinator for each replica that does not sign, which names it', async () => {
    const mixed = [holding('x'), serve(holding('x'), { signers: [vm] }), serve(holding('x'), {})]
    const { text } = await ask(mixed, { signers: [hq] })
    expect(await readSigners(text, hq, vm)).toEqual(['hq for server1', 'vm', 'hq for server3'])
  })

  it('has two lines of a replica whose key is being replaced', async () => {
    const { text } = await ask([serve(holding('x'), { signers: [vm, next] })])
    expect(await readSigners(text, vm)).toEqual(['vm'])
    expect(await readSigners(text, next)).toEqual(['vm'])
  })

  it('says when the bytes were read, by the clock of the replica', async () => {
    const said = {
      size: 1,
      digest: await hash('x'),
      modified: null,
      evidence: 'remembered',
      age: 90,
    } as const
    const remembering: Storage = { ...holding('x'), describe: () => [Promise.resolve(said)] }
    const before = Date.now()
    const { text } = await ask([serve(remembering, { signers: [nas] })])
    const [statement] = (await verifyNote(text, keys(nas))).signed
    expect(statement?.basis).toBe('read')
    expect(statement?.time).toBeGreaterThanOrEqual(Math.floor(before / 1000) - 91)
    expect(statement?.time).toBeLessThanOrEqual(Math.floor(Date.now() / 1000) - 91)
  })

  it('says that the store has a checksum, where no bytes were read', async () => {
    const said = { size: 1, digest: await hash('x'), modified: null, evidence: 'stored', age: null } as const
    const bucket: Storage = { ...holding('x'), describe: () => [Promise.resolve(said)] }
    const { text } = await ask([bucket], { signers: [hq] })
    expect((await verifyNote(text, keys(hq))).signed).toMatchObject([{ basis: 'stored', of: 'server1' }])
  })

  it('is signed by the holders alone where some replica lacks the file, or does not answer', async () => {
    const here = serve(holding('x'), { signers: [nas] })
    const incomplete = await ask([here, serve(holding(null), { signers: [vm] })], { signers: [hq] })
    expect(incomplete.response.headers.get('Replica-Agreement')).toBe('incomplete;answered=2;of=2')
    expect(await readSigners(incomplete.text, nas, vm, hq)).toEqual([nas.key.origin])
    const degraded = await ask([here, refusing], { signers: [hq] })
    expect(degraded.response.headers.get('Replica-Agreement')).toBe('degraded;answered=1;of=2')
    expect(await readSigners(degraded.text, nas, hq)).toEqual([nas.key.origin])
  })

  it('is refused where copies differ, and is then of the version that is named', async () => {
    const both = [serve(holding('x'), { signers: [nas] }), serve(holding('y'), { signers: [vm] })]
    const { response } = await ask(both)
    expect([response.status, response.headers.get('Content-Type')]).toEqual([409, 'application/problem+json'])
    const named = await ask(both, { url: `${URL}?receipt&version=${await hash('y')}` })
    expect(await readSigners(named.text, nas, vm)).toEqual(['vm'])
  })

  it.each<[string, readonly Storage[], number, string]>([
    ['nobody has the file', [serve(holding(null), { signers: [nas] })], 404, 'not-found'],
    ['nobody can say', [holding(null), refusing], 503, 'existence-unknown'],
    ['nobody signs', [holding('x'), serve(holding('x'), {})], 404, 'unsigned'],
  ])('is refused where %s', async (_why, storages, status, type) => {
    const { response, text } = await ask(storages)
    expect([response.status, JSON.parse(text).type]).toEqual([status, type])
  })

  it('is refused together with a copy that is not compared', async () => {
    const { response } = await ask([holding('x')], { url: `${URL}?receipt&replica=server1` })
    expect(response.status).toBe(400)
  })

  it('has no line of a replica that signs something else than it answers', async () => {
    const liar: Storage = {
      ...holding('x'),
      describe: (names, options) => {
        const asked = serve(holding('y'), { signers: [vm] }).describe(names, options)
        return asked.map(async (answer) => {
          const facts = await answer
          return facts && { ...facts, digest: await hash('x') }
        })
      },
    }
    const onFailed = vi.fn()
    const observer: Observer = { onAsked() {}, onFailed, onAudited() {}, onBreaker() {} }
    const { text } = await ask([serve(holding('x'), { signers: [nas] }), liar], { signers: [hq], observer })
    expect(await readSigners(text, nas, vm, hq)).toEqual([nas.key.origin])
    expect(onFailed).toHaveBeenCalledWith('server2', expect.objectContaining({ code: 'unreadable' }))
  })

  it('counts a key once, whoever else signs with it', async () => {
    const both = [serve(holding('x'), { signers: [nas] }), serve(holding('x'), { signers: [nas] })]
    expect(await readSigners((await ask(both)).text, nas)).toEqual([nas.key.origin])
  })

  it('costs no signature of a reading that was signed before', async () => {
    const sign = vi.fn(nas.sign)
    const app = coordinate([serve(holding('x'), { signers: [{ ...nas, sign }] })])
    const first = await (await app.request(`${URL}?receipt`)).text()
    expect(await (await app.request(`${URL}?receipt`)).text()).toBe(first)
    expect(sign).toHaveBeenCalledOnce()
  })

  it('is not asked for by a read of the file', async () => {
    const sign = vi.fn(nas.sign)
    const { text } = await ask([serve(holding('x'), { signers: [{ ...nas, sign }] })], { url: URL })
    expect([text, sign.mock.calls.length]).toEqual(['x', 0])
  })
})

describe('GET /keys', () => {
  it('shows the public keys of either server, one a line', async () => {
    const line = /^vm\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*\nvm\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*\n$/
    const replica = createReplica(holding(null), { signers: [vm, next] })
    const coordinator = coordinate([holding(null)], { signers: [vm, next] })
    for (const app of [replica, coordinator]) expect(await (await app.request('/keys')).text()).toMatch(line)
  })

  it('is not found where nothing is signed', async () => {
    for (const app of [createReplica(holding(null)), coordinate([holding(null)])]) {
      const response = await app.request('/keys')
      expect([response.status, (await response.json()).type]).toEqual([404, 'unsigned'])
    }
  })
})
