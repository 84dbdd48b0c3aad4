import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { Facts } from '../storage/facts.ts'
import { NAME_RULE } from '../storage/names.ts'
import {
  createSigner,
  formatPem,
  formatPublicKey,
  generateKey,
  parsePem,
  parsePublicKey,
  toPublicKey,
} from './keys.ts'
import { formatNote, NoteError, parseNote, signLine, verifyNote } from './note.ts'
import { parseReceiptText, toReceiptText } from './receipt.ts'
import { createSignFacts, createSignText } from './sign-facts.ts'
import { createTestSigner } from './signer.suite.ts'
import { formatStatement, parseStatement, type Statement } from './statement.ts'

const [nas, vm] = [await createTestSigner('nas.example/photos'), await createTestSigner('vm')] as const
const keys = [nas.key, vm.key]
const TIME = Date.parse('2026-11-30T08:00:00Z') / 1000
const READ: Statement = { basis: 'read', time: TIME }
const DIGEST = 'a'.repeat(64)
const TEXT = toReceiptText({ name: 'photos/a cat.jpg', digest: DIGEST, size: 4096 })
const NOTE = formatNote(TEXT, [await signLine(nas, READ, TEXT), await signLine(vm, READ, TEXT)])

/** The error with which a note is refused; null when it is accepted. */
async function refuse(note: string, known = keys): Promise<string | null> {
  try {
    await verifyNote(note, known)
    return null
  } catch (error) {
    if (error instanceof NoteError) return error.message
    throw error
  }
}

describe('a note', () => {
  it('is verified by the keys that signed it', async () => {
    const { text, signed, unknown } = await verifyNote(NOTE, keys)
    expect(parseReceiptText(text)).toEqual({ name: 'photos/a cat.jpg', digest: DIGEST, size: 4096 })
    expect(signed).toEqual([
      { ...READ, origin: nas.key.origin, keyId: nas.key.id },
      { ...READ, origin: vm.key.origin, keyId: vm.key.id },
    ])
    expect(unknown).toEqual([])
  })

  it('is refused, with its line, when one bit of it is changed', async () => {
    const bytes = new TextEncoder().encode(NOTE)
    const decoder = new TextDecoder()
    const lineOf = (at: number) => bytes.subarray(0, at).filter((byte) => byte === 10).length + 1
    for (let at = 0; at < bytes.length; at++)
      for (let bit = 0; bit < 8; bit++) {
        const changed = bytes.slice()
        changed[at] = (changed[at] ?? 0) ^ (1 << bit)
        const note = decoder.decode(changed)
        const why = await refuse(note)
        const where = `bit ${bit} of byte ${at} in line ${lineOf(at)}`
        if (why === null) {
          // Only the name or the ID of a key was changed: the line counts for nothing, and is reported.
          const { signed, unknown } = await verifyNote(note, keys)
          expect([signed.length, unknown.map(({ number }) => number)], where).toEqual([1, [lineOf(at)]])
        } else expect(why, where).toMatch(/^line \d+|^this is not a receipt|^the last line/)
      }
    // Some seven thousand verifications.
  }, 120_000)

  it('is refused when a line is of another text, time or key than it says', async () => {
    const other = toReceiptText({ name: 'photos/a cat.jpg', digest: DIGEST, size: 4097 })
    const line = await signLine(nas, READ, other)
    expect(await refuse(formatNote(TEXT, [line]))).toContain(`line 6: this is not what ${nas.key.origin}`)
    const impostor = await createTestSigner(nas.key.origin)
    expect(await refuse(formatNote(TEXT, [await signLine(impostor, READ, TEXT)]))).toContain(
      'none of the keys',
    )
  })

  it('counts no line of a key that is not known, and needs one of a key that is', async () => {
    const { signed, unknown } = await verifyNote(NOTE, [vm.key])
    expect([signed.length, unknown]).toEqual([1, [{ number: 6, origin: nas.key.origin, keyId: nas.key.id }]])
    expect(await refuse(NOTE, [(await createTestSigner('third')).key])).toContain(
      'none of the keys given has signed',
    )
    expect(await refuse(NOTE, [])).toContain('none of the keys given has signed')
  })

  it('may have several lines of a coordinator, one for each replica', async () => {
    const lines = [
      await signLine(vm, { ...READ, of: 'a' }, TEXT),
      await signLine(vm, { ...READ, of: 'b' }, TEXT),
    ]
    expect((await verifyNote(formatNote(TEXT, lines), keys)).signed.map(({ of }) => of)).toEqual(['a', 'b'])
    expect(await refuse(formatNote(TEXT, [...lines, lines[0] ?? '']))).toContain('line 8: vm')
  })

  it('is written in one way only: bits that base64 leaves over are 0', async () => {
    const note = formatNote(TEXT, [await signLine(vm, { ...READ, of: 'a' }, TEXT)])
    const [, last = '', padding = ''] = /(.)(=+)\n$/.exec(note) ?? []
    expect(padding).not.toBe('')
    const other = `${note.slice(0, -2 - padding.length)}${String.fromCharCode(last.charCodeAt(0) + 1)}${padding}\n`
    expect(await refuse(note)).toBeNull()
    expect(await refuse(other)).toContain('line 6 is not a signature')
  })

  it.each<[string, string]>([
    ['nothing', ''],
    ['a text without signatures', TEXT],
    ['a text with an empty line and no signature', `${TEXT}\n`],
    ['one that was cut', NOTE.slice(0, -1)],
    ['one with something below it', `${NOTE}more\n`],
    ['one with carriage returns', NOTE.replaceAll('\n', '\r\n')],
    ['one with a control character', NOTE.replace('photos', 'ph\u001botos')],
    ['one that is longer than any', `${'x'.repeat(300_000)}\n\n${NOTE}`],
    [
      'one with more lines than any',
      formatNote(
        TEXT,
        Array.from({ length: 321 }, () => '\u2014 a AAAAAAA='),
      ),
    ],
    ['base64 that is not canonical', NOTE.replace(/\n$/, '=\n')],
  ])('is not %s', async (_what, note) => {
    expect(await refuse(note)).not.toBeNull()
  })

  it('is never accepted, and never breaks anything, whatever it is', async () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom(...NOTE.split('\n'), '\n', '\n\n', '\u2014 ', 'vm ', NOTE.slice(-100)),
    )
    const note = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
    await fc.assert(
      fc.asyncProperty(note, async (note) => {
        fc.pre(note !== NOTE && !note.startsWith(TEXT))
        expect(await refuse(note)).not.toBeNull()
      }),
      { numRuns: 3000 },
    )
  }, 60_000)
})

describe('a public key', () => {
  it('is one line, by the rule of C2SP for its ID', async () => {
    const line = formatPublicKey(nas.key)
    expect(await parsePublicKey(line)).toEqual(nas.key)
    const [origin = '', id, encoded = ''] = line.split(/\+(?=[0-9a-f]{8}\+)|(?<=\+[0-9a-f]{8})\+/)
    const typed = Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0))
    expect(typed[0]).toBe(0xff)
    const hashed = new Uint8Array([...new TextEncoder().encode(`${origin}\n`), ...typed])
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', hashed))
    expect([...hash.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join('')).toBe(id)
  })

  it('is never taken for one when anything in it was changed', async () => {
    const line = formatPublicKey(vm.key)
    await fc.assert(
      fc.asyncProperty(fc.nat(line.length - 1), fc.string({ minLength: 1, maxLength: 1 }), async (at, c) => {
        fc.pre(line[at] !== c)
        expect(await parsePublicKey(line.slice(0, at) + c + line.slice(at + 1))).toBeNull()
      }),
      { numRuns: 2000 },
    )
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
        expect(await parsePublicKey(text)).toBeNull()
      }),
    )
  })

  it('signs nothing that is not of its private half', async () => {
    const { pkcs8 } = await generateKey('vm')
    expect(await createSigner(pkcs8, vm.key)).toBeNull()
    expect(await createSigner(new Uint8Array(48), vm.key)).toBeNull()
    expect(await refuse(NOTE, [await toPublicKey(nas.key.origin, new Uint8Array(32))])).not.toBeNull()
  })
})

describe('a private key in PEM', () => {
  it('is read as it was written, and nothing else is', async () => {
    const { pkcs8 } = await generateKey('vm')
    const pem = formatPem(pkcs8)
    expect(parsePem(pem)).toEqual(pkcs8)
    expect(parsePem(pem.replaceAll('\n', '\r\n'))).toEqual(pkcs8)
    for (const text of ['', pem.slice(1), pem.replace('PRIVATE', 'PUBLIC'), pem.replace(/^M/m, '*')])
      expect(parsePem(text)).toBeNull()
  })
})

describe('a statement', () => {
  it('is parsed as it was formatted, and nothing else is', () => {
    for (const basis of ['read', 'stored', 'recorded', 'seen'] as const)
      for (const of of [undefined, 'nas']) {
        const statement = { basis, time: TIME, ...(of !== undefined && { of }) }
        expect(parseStatement(formatStatement(statement))).toEqual(statement)
      }
    for (const text of [
      '',
      'read',
      'read 2026-02-30T00:00:00Z',
      'guess 2026-01-01T00:00:00Z',
      'read 2026-01-01T00:00:00Z of 1',
    ])
      expect(parseStatement(text)).toBeNull()
  })
})

describe('the text of a receipt', () => {
  it('is parsed as it was written, for every name', () => {
    const segment = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 })
    const name = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
    fc.assert(
      fc.property(name, fc.nat(), (name, size) => {
        fc.pre(parseable(name))
        const text = toReceiptText({ name, digest: DIGEST, size })
        expect(text.split('\n')).toHaveLength(5)
        expect(text).toMatch(/^[\x20-\x7e\n]*$/)
        expect(parseReceiptText(text)).toEqual({ name, digest: DIGEST, size })
      }),
    )
  })

  it.each([
    TEXT.replace('v1', 'v2'),
    TEXT.replace('%20', ' '),
    TEXT.replace('%20', '%2f'),
    TEXT.replace('photos', '..'),
    TEXT.replace('4096', '04096'),
    TEXT.replace('4096', '9'.repeat(16)),
    `${TEXT}more\n`,
  ])('is not %j', (text) => {
    expect(() => parseReceiptText(text)).toThrow(NoteError)
  })
})

/** Whether a text is a name by `NAME_RULE`, in the words of that rule. */
function parseable(name: string): boolean {
  expect(NAME_RULE).toContain('no NUL')
  return (
    name.isWellFormed() &&
    !/[\0\\]/.test(name) &&
    name.split('/').every((segment) => !['', '.', '..'].includes(segment)) &&
    !/^\.vouch(\/|$)/.test(name)
  )
}

describe('facts that are signed', () => {
  const facts: Facts = { size: 1, digest: DIGEST, modified: null, evidence: 'remembered', age: 10 }

  it('are dated no later than the bytes were read, and signed once for a reading', async () => {
    const sign = vi.fn(createSignText([nas]))
    let now = TIME * 1000
    const signFacts = createSignFacts(sign, () => now)
    const first = await signFacts('a', facts)
    expect(
      (
        await verifyNote(
          formatNote(
            toReceiptText({ name: 'a', digest: DIGEST, size: 1 }),
            first.map(({ line }) => line),
          ),
          keys,
        )
      ).signed,
    ).toMatchObject([{ basis: 'read', time: TIME - 11 }])
    now += 3600_000
    expect(await signFacts('a', { ...facts, age: 3610 })).toBe(first)
    expect(await signFacts('a', { ...facts, age: 3611 })).toBe(first)
    expect(sign).toHaveBeenCalledOnce()
    await signFacts('a', { ...facts, age: 0 })
    await signFacts('a', { ...facts, age: 0 }, 'other')
    await signFacts('a', { ...facts, age: 0, digest: 'b'.repeat(64) })
    expect(sign).toHaveBeenCalledTimes(4)
  })

  it.each<[string, Partial<Facts>]>([
    ['when it is not known when the bytes were read', { age: null }],
    ['without a size', { size: null }],
    ['without a SHA-256', { digest: `md5:${'a'.repeat(32)}` }],
  ])('are not signed %s', async (_why, changes) => {
    expect(await createSignFacts(createSignText([nas]))('a', { ...facts, ...changes })).toEqual([])
  })
})

it('a note in parts is the note', () => {
  const { text, lines } = parseNote(NOTE)
  expect([text, lines.map(({ number }) => number)]).toEqual([TEXT, [6, 7]])
})
