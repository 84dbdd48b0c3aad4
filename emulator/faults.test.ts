import { readdir } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readStates } from '../functions/storage/suite/states.suite.ts'
import { createTemporaryDirectory } from '../runtime/node/temporary-directory.suite.ts'
import { hash, makeBytes, readBytes, readProblem, writeTrees } from '../tests/scenarios/world.suite.ts'
import { type Emulator, startEmulator } from './emulator.ts'
import type { Fault } from './fault.ts'

const BYTES = makeBytes(1_000_000)
const MULTIPART = { headers: { Accept: 'multipart/mixed' } }

describe('a fault in one replica', () => {
  let emulator: Emulator
  let remove: () => void

  // A coordinator remembers corrupt copies, so every test has its own.
  beforeEach(async () => {
    const files = { 'large.bin': BYTES, 'small.txt': 'small' }
    const trees = await writeTrees({
      server1: { ...files, 'differ.bin': BYTES },
      server2: { ...files, 'differ.bin': makeBytes(1_000_000, 2) },
    })
    remove = trees.remove
    emulator = await startEmulator({ replicas: trees.paths })
  })
  afterEach(async () => {
    await emulator.close()
    remove()
  })

  /** Resolves with null when the answer breaks off, and with its bytes when it ends cleanly. */
  async function getBytes(path: string, init?: RequestInit): Promise<Buffer | null> {
    try {
      return await readBytes(await emulator.fetch(path, init))
    } catch {
      return null
    }
  }

  it.each<Fault>([
    { type: 'cut', after: 0 },
    { type: 'cut', after: 10 },
    { type: 'cut', after: 500_000 },
    { type: 'wrong-bytes' },
  ])('never makes a file end cleanly with other bytes: %j', async (fault) => {
    await emulator.setFault('server1', fault)
    for (const name of ['large.bin', 'small.txt']) {
      const bytes = await getBytes(`/files/${name}`)
      const announced = (await emulator.fetch(`/files/${name}`, { method: 'HEAD' })).headers.get(
        'Repr-Digest',
      )
      if (bytes !== null) expect(hash(bytes).field).toBe(announced)
    }
  })

  it.each<Fault>([{ type: 'wrong-bytes' }, { type: 'cut', after: 500_000 }])(
    'breaks off an answer of many parts, one of which is bad: %j',
    async (fault) => {
      await emulator.setFault('server1', fault)
      expect(await getBytes('/files/differ.bin', MULTIPART)).toBeNull()
    },
  )

  it.each<Fault>([{ type: 'cut', after: 1000 }, { type: 'wrong-bytes' }])(
    'is visible when only its copy is requested, which another cannot continue: %j',
    async (fault) => {
      await emulator.setFault('server1', fault)
      const path = '/files/large.bin?replica=server1'
      const response = await emulator.fetch(path)
      const bytes = await readBytes(response).catch(() => null)
      expect(response.ok ? bytes : null).toBeNull()
    },
  )

  it('with wrong bytes is remembered: the copy is corrupt from then on, and another is sent', async () => {
    await emulator.setFault('server1', { type: 'wrong-bytes' })
    expect(await getBytes('/files/large.bin')).toBeNull()
    const response = await emulator.fetch('/files/large.bin')
    expect(readStates(response.headers)).toMatch(/^server1;state=corrupt;.*, server2;state=match$/)
    expect(hash(await readBytes(response)).hex).toBe(hash(BYTES).hex)
  })

  it('that cuts an answer in the middle is hidden: another copy continues', async () => {
    await emulator.setFault('server1', { type: 'cut', after: 500_000 })
    expect((await getBytes('/files/large.bin'))?.equals(BYTES)).toBe(true)
    const part = await getBytes('/files/large.bin', { headers: { Range: 'bytes=100-900000' } })
    expect(part?.equals(BYTES.subarray(100, 900_001))).toBe(true)
  })

  it('never makes a range end cleanly with other bytes', async () => {
    await emulator.setFault('server1', { type: 'wrong-bytes' })
    const bytes = await getBytes('/files/large.bin', { headers: { Range: 'bytes=100-199' } })
    expect([null, hash(BYTES.subarray(100, 200)).hex]).toContain(bytes && hash(bytes).hex)
  })

  it.each<[Fault, string]>([
    [{ type: 'down' }, 'destination_unavailable'],
    [{ type: 'status', status: 500 }, 'http_protocol_error'],
  ])('is named in a degraded answer: %j', async (fault, reason) => {
    await emulator.setFault('server1', fault)
    const response = await emulator.fetch('/files/large.bin')
    expect(readStates(response.headers)).toBe(`server1;state=error;error=${reason}, server2;state=match`)
    expect(hash(await readBytes(response)).hex).toBe(hash(BYTES).hex)
    const missing = await emulator.fetch('/files/missing.txt')
    expect(missing.status).toBe(503)
    await readProblem(missing)
  })

  it('that slows an answer changes nothing else', async () => {
    await emulator.setFault('server1', { type: 'slow', ms: 50 })
    const response = await emulator.fetch('/files/small.txt')
    expect(response.headers.get('Replica-Agreement')).toBe('unanimous;answered=2;of=2')
    expect(await response.text()).toBe('small')
  })

  it('is visible at the replica itself', async () => {
    await emulator.setFault('server1', { type: 'wrong-bytes' })
    const bytes = await readBytes(await emulator.fetch('/~server1/files/small.txt'))
    expect(bytes).toHaveLength(5)
    expect(bytes.toString()).not.toBe('small')
    expect(await (await emulator.fetch('/~server2/files/small.txt')).text()).toBe('small')
  })

  it('is refused when it is not a valid fault, or names no replica', async () => {
    const put = (path: string, body: string) => emulator.fetch(path, { method: 'PUT', body })
    expect((await put('/~emulator/faults/server1', '{"type":"fire"}')).status).toBe(400)
    expect((await put('/~emulator/faults/server1', 'down')).status).toBe(400)
    expect((await put('/~emulator/faults/server9', '{"type":"down"}')).status).toBe(404)
    await expect(emulator.setFault('server9', { type: 'down' })).rejects.toThrow('server9')
  })
})

describe('an emulator', () => {
  it.each([
    ['an id that is not valid', { '1x': '.' }],
    ['an id that is its own', { emulator: '.' }],
    ['a directory that does not exist', { server1: './nowhere' }],
    ['no replica', {}],
  ])('refuses %s', async (_, replicas) => {
    await expect(startEmulator({ replicas })).rejects.toThrow()
  })

  it('refuses a port that is taken', async () => {
    const { path: root, remove } = createTemporaryDirectory('vouch-port-')
    const first = await startEmulator({ replicas: { server1: root } })
    const port = Number(new URL(first.url).port)
    await expect(startEmulator({ replicas: { server1: root }, port })).rejects.toThrow('in use')
    await first.close()
    expect(await readdir(root)).toEqual([])
    remove()
  })
})
