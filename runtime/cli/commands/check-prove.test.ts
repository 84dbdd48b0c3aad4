import { describe, expect, it } from 'vitest'
import { createReplica } from '../../../functions/replica/replica.ts'
import { createMemoryStorage } from '../../../functions/storage/memory.ts'
import type { Storage } from '../../../functions/storage/storage.ts'
import { createHasher } from '../../node/hasher.ts'
import { createStageWith, startServer } from '../stage.suite.ts'

const FILES = { 'a.txt': 'as described', 'dir/b.txt': 'b', empty: '' }

/** A stage whose directory `a` holds `FILES`, and the flags of it and of a replica server. */
async function createPair(storage: Storage) {
  const stage = createStageWith(Object.fromEntries(Object.entries(FILES).map(([k, v]) => [`a/${k}`, v])))
  const sent = { bytes: 0 }
  const app = createReplica(storage, { createHasher })
  const [, url] = await startServer(async (request) => {
    const response = await app.fetch(request)
    if (!new URL(request.url).pathname.startsWith('/files/')) return response
    sent.bytes += Number(response.headers.get('Content-Length'))
    return response
  })
  const flags = ['--replica', 'a=a', '--replica', `b=${url}`, '--index', 'index']
  return { sent, check: (...args: readonly string[]) => stage.run(['check', ...args, ...flags]) }
}

describe('vouch check --prove', () => {
  it('has a directory and a replica server prove all copies, and no content travels', async () => {
    const { check, sent } = await createPair(createMemoryStorage(FILES))
    const { status, stdout, stderr } = await check('--prove')
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
    expect(stderr).toMatch(/^3 names: 3 the same everywhere\n/)
    expect(stderr).toMatch(/\nproved by the bytes as they are now: 6 copies of 3 names\n$/)
    expect(sent.bytes).toBe(0)
  })

  it('finds a replica that describes what it no longer holds', async () => {
    const [claimed, held] = [
      createMemoryStorage(FILES),
      createMemoryStorage({ ...FILES, 'a.txt': 'has rotted' }),
    ]
    const rotten: Storage = { ...claimed, open: held.open }
    const { check } = await createPair(rotten)
    expect((await check()).status).toBe(0)
    const { status, stdout, stderr } = await check('--prove')
    expect({ status, stdout }).toEqual({ status: 2, stdout: '! a.txt\n' })
    expect(stderr).toContain('warning: a.txt: b holds a corrupt copy')
    expect(stderr).toContain('the replica proved other bytes than those that it describes')
    expect(stderr).toContain('\nb: 1 corrupt\n')
    const { replicas } = JSON.parse((await check('--prove', '--json')).stdout.split('\n')[0] ?? '')
    expect(replicas[1]).toMatchObject({ state: 'corrupt', disproof: { described: expect.any(String) } })
  })

  it('prints how a sample can be repeated', async () => {
    const { check } = await createPair(createMemoryStorage(FILES))
    const { stderr } = await check('--prove=50%', '--seed', 'x')
    expect(stderr).toMatch(/as they are now: \d copies of \d names?, of 3, chosen by --seed x\n$/)
    expect((await check('--confidence', '99%,10%', '--seed', 'x')).stderr).toMatch(/chosen by --seed x\n$/)
  })

  it.each([
    [['--prove=0%'], "--prove takes a percentage above 0% and at most 100%, such as 1%, got '0%'"],
    [['--prove=1'], "--prove takes a percentage above 0% and at most 100%, such as 1%, got '1'"],
    [['--confidence', '99%'], "--confidence takes two percentages below 100%, such as 99%,0.1%, got '99%'"],
    [['--prove', '1%'], "--prove takes its share behind '=', got '1%' as PREFIX; write --prove=1%"],
    [['--prove', '--confidence', '99%,1%'], 'leave one of them out'],
    [['--seed', 'x'], '--seed chooses the names to prove; add --prove=SHARE or --confidence SURE,BAD'],
  ])('refuses %o', async (args, message) => {
    const { check } = await createPair(createMemoryStorage(FILES))
    const { status, stderr } = await check(...args)
    expect(status).toBe(2)
    expect(stderr).toContain(message)
  })
})
