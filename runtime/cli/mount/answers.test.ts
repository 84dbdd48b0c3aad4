import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromBytes } from '../../../functions/bytes/chunks.ts'
import { UserError } from '../../node/user-error.ts'
import { type Answer, createAnswers } from './answers.ts'
import { ERRNO, OPCODES, parseForget, parseRequest, toReply } from './fuse.ts'
import { MAX_HANDLES, MAX_NODES } from './limits.ts'
import { createNodes, ROOT } from './nodes.ts'
import { createOpenFile } from './open-file.ts'
import type { Found, Tree } from './tree.ts'

const FOLDER: Found = { isFolder: true, size: 0, modified: null }
const toFile = (text: string): Found => ({
  isFolder: false,
  size: text.length,
  modified: 1500,
  etag: `"${text}"`,
})

/** A tree of these files, and answers about it. */
function createStage(files: Record<string, string>) {
  const failed: string[] = []
  const tree: Tree = {
    async find(name) {
      const text = files[name]
      if (text !== undefined) return toFile(text)
      if (name === 'd') return FOLDER
      throw name === 'silent' ? new UserError('no answer') : new UserError('absent', 'not-found')
    },
    list: async () => Object.keys(files).map((name) => ({ name, isFolder: false })),
    async open(name) {
      const text = files[name] ?? ''
      const bytes = new TextEncoder().encode(text)
      const open = async (offset: number, end: number) => fromBytes(bytes.subarray(offset, end))
      const file = createOpenFile({ name, size: bytes.length }, fromBytes(bytes), open)
      return { file, etag: `"${text}"` }
    },
  }
  const owner = { uid: 7, gid: 8, mode: 0o40750 }
  const answers = createAnswers(tree, { owner, onFailed: (name) => failed.push(name) })
  const ask = (opcode: number, node: number, body: Buffer) =>
    answers.answer({ opcode, unique: 1n, node, body })
  const lookUp = (name: string | Buffer, node = ROOT) =>
    ask(OPCODES.LOOKUP, node, Buffer.concat([Buffer.from(name), Buffer.alloc(1)]))
  return { files, failed, ask, lookUp }
}

const toBytes = (answer: Answer | null) =>
  typeof answer === 'number' || answer === null ? Buffer.alloc(0) : Buffer.concat(answer)
const toNumber = (answer: Answer | null) => Number(toBytes(answer).readBigUInt64LE(0))

/** The body of a READ or a READDIR. */
function toRead(handle: number, offset: number, size: number): Buffer {
  const body = Buffer.alloc(40)
  body.writeBigUInt64LE(BigInt(handle), 0)
  body.writeBigUInt64LE(BigInt(offset), 8)
  body.writeUInt32LE(size, 16)
  return body
}

/** The names in an answer to READDIR, and where each goes on. */
function parseNames(bytes: Buffer): [name: string, next: number][] {
  const found: [string, number][] = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at + 16)
    found.push([bytes.toString('utf8', at + 24, at + 24 + length), Number(bytes.readBigUInt64LE(at + 8))])
    at += 24 + 8 * Math.ceil(length / 8)
  }
  return found
}

describe('answers to the kernel', () => {
  it('have a header with the length, the error and the number of the request', () => {
    const reply = Buffer.concat(toReply(42n, ERRNO.EIO, [Buffer.from('ab')]))
    expect([reply.readUInt32LE(0), reply.readInt32LE(4), reply.readBigUInt64LE(8)]).toEqual([18, -5, 42n])
  })

  it('show a file with the size of its content, the owner, and no permission to write', async () => {
    const { lookUp } = createStage({ f: 'hello' })
    const bytes = toBytes(await lookUp('f')).subarray(40)
    expect(Number(bytes.readBigUInt64LE(8))).toBe(5)
    expect([60, 68, 72].map((at) => bytes.readUInt32LE(at))).toEqual([0o100440, 7, 8])
    expect([bytes.readBigUInt64LE(32), bytes.readUInt32LE(52)]).toEqual([1n, 500_000_000])
  })

  it('say that a file is missing only when that is known', async () => {
    const { lookUp, failed } = createStage({ f: 'hello' })
    expect(await lookUp('nothing')).toBe(ERRNO.ENOENT)
    expect(await lookUp('silent')).toBe(ERRNO.EIO)
    expect(failed).toEqual(['silent'])
    for (const name of ['..', '', '.vouch', 'a\\b', Buffer.from([0xff])])
      expect(await lookUp(name)).toBe(ERRNO.EIO)
  })

  it('give a name with another content another number, and do not open it by the former', async () => {
    const { files, lookUp, ask } = createStage({ f: 'one' })
    const before = toNumber(await lookUp('f'))
    expect(toNumber(await lookUp('f'))).toBe(before)
    files['f'] = 'two'
    expect(await ask(OPCODES.OPEN, before, Buffer.alloc(8))).toBe(ERRNO.ESTALE)
    const after = toNumber(await lookUp('f'))
    expect(after).not.toBe(before)
    const handle = toNumber(await ask(OPCODES.OPEN, after, Buffer.alloc(8)))
    expect(toBytes(await ask(OPCODES.READ, after, toRead(handle, 1, 10))).toString()).toBe('wo')
    expect(await ask(OPCODES.RELEASE, after, toRead(handle, 0, 0))).toEqual([])
    expect(await ask(OPCODES.READ, after, toRead(handle, 0, 10))).toBe(ERRNO.EIO)
  })

  it('list a folder in parts that fit, each entry once', async () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }), {
      maxLength: 60,
    })
    await fc.assert(
      fc.asyncProperty(names, fc.integer({ min: 256, max: 4096 }), async (names, size) => {
        const { ask } = createStage(Object.fromEntries(names.map((name) => [name, ''])))
        const handle = toNumber(await ask(OPCODES.OPENDIR, ROOT, Buffer.alloc(8)))
        const found: string[] = []
        for (let offset = 0; ; ) {
          const bytes = toBytes(await ask(OPCODES.READDIR, ROOT, toRead(handle, offset, size)))
          expect(bytes.length).toBeLessThanOrEqual(size)
          const part = parseNames(bytes)
          if (part.length === 0) break
          found.push(...part.map(([name]) => name))
          offset = part.at(-1)?.[1] ?? 0
        }
        expect(found).toEqual(['.', '..', ...names])
      }),
    )
  })

  it('refuse to open more files than may be open', async () => {
    const { ask, lookUp } = createStage({ f: 'x' })
    const node = toNumber(await lookUp('f'))
    for (let i = 0; i < MAX_HANDLES; i++) await ask(OPCODES.OPEN, node, Buffer.alloc(8))
    expect(await ask(OPCODES.OPEN, node, Buffer.alloc(8))).toBe(ERRNO.EMFILE)
  })

  it('know no request that writes', async () => {
    const { ask } = createStage({})
    for (const opcode of [4, 8, 9, 10, 11, 12, 13, 16, 35, 45]) {
      expect(await ask(opcode, ROOT, Buffer.alloc(64))).toBe(ERRNO.ENOSYS)
    }
  })
})

describe('the nodes that the kernel knows', () => {
  it('are dropped when each of their lookups is forgotten', () => {
    const nodes = createNodes(FOLDER)
    const { number } = nodes.lookUp('f', toFile('x'))
    nodes.lookUp('f', toFile('x'))
    nodes.forget(number, 1)
    expect(nodes.find(number)).toMatchObject({ name: 'f' })
    nodes.forget(number, 1)
    expect(nodes.find(number)).toBeUndefined()
    nodes.forget(ROOT, 1)
    expect(nodes.find(ROOT)).toMatchObject({ name: '' })
  })

  it('are so many files at most, without dropping a folder', () => {
    const nodes = createNodes(FOLDER)
    const folder = nodes.lookUp('d', FOLDER)
    const first = nodes.lookUp('f', toFile('x'))
    for (let i = 0; i < MAX_NODES; i++) nodes.lookUp(`f${i}`, toFile('x'))
    expect(nodes.find(folder.number)).toBeDefined()
    expect(nodes.find(first.number)).toBeUndefined()
    expect(nodes.lookUp('f', toFile('x')).number).not.toBe(first.number)
  })
})

describe('requests of the kernel', () => {
  it('that forget many nodes name each, and no more than they have', () => {
    const head = Buffer.alloc(40)
    head.writeUInt32LE(OPCODES.BATCH_FORGET, 4)
    const body = Buffer.alloc(8 + 32)
    body.writeUInt32LE(1_000_000, 0)
    for (const [i, value] of [5n, 1n, 6n, 2n].entries()) body.writeBigUInt64LE(value, 8 + 8 * i)
    expect(parseForget(parseRequest(Buffer.concat([head, body])))).toEqual([
      [5, 1],
      [6, 2],
    ])
  })
})
