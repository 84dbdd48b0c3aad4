import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StorageError } from '../../wire/storage-error.ts'
import { encodeBytes } from '../byte-names.ts'
import { compareNames, parseName } from '../names.ts'
import { LIST_FORMATS, type ListFormat } from './list-options.ts'
import { ask, createStorage } from './lists.suite.ts'
import { sortNames } from './sort-names.ts'

/** Valid names of what formats give a meaning to. */
const name = fc
  .string({
    unit: fc.constantFrom(
      'a',
      'b',
      '/',
      ' ',
      '*',
      '%',
      '0',
      'A',
      'n',
      '\n',
      '\r',
      '#',
      ';',
      ')',
      '=',
      '(',
      'é',
      'e\u0301',
      '\u240a',
      '\u201b',
      ',',
      '.',
      '?',
      '"',
      '\u{1f600}',
    ),
    minLength: 1,
    maxLength: 12,
  })
  .filter((text) => parseName(text) !== null && !text.startsWith('./'))
const digest = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 })
const files = fc.dictionary(name, digest, { minKeys: 1, maxKeys: 6, noNullPrototype: false })

function escapeGnu(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
}

function escapeVis(text: string): string {
  return Array.from(encodeBytes(text), (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
}

function isEscaped(text: string): boolean {
  return /[\\\n\r]/.test(text)
}

function escapePercent(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\n', '%0A').replaceAll('\r', '%0D')
}

/** Writes a list as programs do; `names` is which names the format can hold. */
interface Writer {
  readonly format: ListFormat
  write(files: Readonly<Record<string, string>>): string
}

function toLines(
  files: Readonly<Record<string, string>>,
  toLine: (name: string, digest: string) => string,
): string {
  return Object.entries(files)
    .map(([name, digest]) => toLine(name, digest))
    .join('')
}

const WRITERS: readonly Writer[] = [
  {
    format: 'gnu',
    write: (files) =>
      toLines(files, (name, digest) => `${isEscaped(name) ? '\\' : ''}${digest}  ${escapeGnu(name)}\n`),
  },
  {
    format: 'gnu',
    write: (files) =>
      toLines(
        files,
        (name, digest) => `${isEscaped(name) ? '\\' : ''}SHA256 (${escapeGnu(name)}) = ${digest}\n`,
      ),
  },
  { format: 'zero', write: (files) => toLines(files, (name, digest) => `${digest} *${name}\0`) },
  {
    format: 'mtree',
    write: (files) =>
      `#mtree\n${toLines(files, (name, digest) => `./${escapeVis(name)} type=file sha256=${digest}\n`)}`,
  },
  {
    format: 'borg-json',
    write: (files) =>
      toLines(files, (path, sha256) =>
        path.includes('?') ? '' : `${JSON.stringify({ type: '-', path, sha256 })}\n`,
      ),
  },
]

describe.each(WRITERS)('$format', ({ format, write }) => {
  it('is read as it was written, in the byte order of the names', async () => {
    await fc.assert(
      fc.asyncProperty(files, async (files) => {
        const text = write(files)
        fc.pre(text !== '')
        const storage = createStorage({ name: 'SHA256SUMS', bytes: text }, { format })
        const held = Object.entries(files).filter(([name]) => format !== 'borg-json' || !name.includes('?'))
        const expected = held.map(([name]) => name).sort(compareNames)
        expect((await storage.list()).entries.map(({ name }) => name)).toEqual(expected)
        expect(
          await ask(
            storage,
            held.map(([name]) => name),
          ),
        ).toEqual(held.map(([, digest]) => digest))
        expect(await ask(storage, ['none of these'])).toEqual([null])
      }),
      { numRuns: 150 },
    )
  })
})

it('a manifest of a bag is read as it was written', async () => {
  const siblings = new Map([
    ['bagit.txt', encodeBytes('BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n')],
  ])
  await fc.assert(
    fc.asyncProperty(files, async (files) => {
      const text = toLines(files, (name, digest) => `${digest} data/${escapePercent(name)}\n`)
      const storage = createStorage({ name: 'manifest-sha256.txt', bytes: text, siblings }, { root: 'data' })
      expect(await ask(storage, Object.keys(files))).toEqual(Object.values(files))
    }),
    { numRuns: 150 },
  )
})

/** Bytes near those of a list. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'a'.repeat(64),
        'b'.repeat(64),
        'd'.repeat(32),
        '  ',
        ' *',
        ' ',
        '\n',
        '\n',
        '\0',
        '\\',
        '\r',
        'x',
        './',
        '/',
        '%0A',
        '\u240a',
      ),
      fc.constantFrom(
        '#mtree\n',
        '/set type=file\n',
        'type=file',
        'type=dir',
        'sha256=',
        '..',
        '%%%% HASHDEEP-1.0\n',
        '%%%% size,sha256,filename\n',
      ),
      fc.constantFrom(
        'SHA256 (',
        ') = ',
        ')= ',
        'SHA256E-s3--',
        '{"path": "',
        '{"agreement":',
        '; ',
        '# ',
        '\ufeff',
        '\ufffd',
      ),
      fc.string({ unit: 'binary', maxLength: 3 }),
    ),
    { maxLength: 30 },
  )
  .map((parts) => encodeBytes(parts.join('').toWellFormed()))

/** What is wrong with names that are not valid, but for those that vouch keeps for itself. */
const NAME_FAULTS: ReadonlySet<string> = new Set([
  ...['backslash', 'dot-segment', 'empty-segment', 'name-too-long', 'not-utf-8', 'nul'],
])

it('any bytes are read or refused in words, and no name that is not understood is called missing', async () => {
  await fc.assert(
    fc.asyncProperty(hostile, fc.constantFrom(undefined, ...LIST_FORMATS), async (bytes, format) => {
      const storage = createStorage({ name: 'SHA256SUMS', bytes }, { format })
      const record = await storage.readRecord().catch((error: unknown) => error)
      if (record instanceof Error) {
        expect(record).toBeInstanceOf(StorageError)
        expect(record).toMatchObject({ code: 'unreadable', message: expect.stringMatching(/\w/) })
        return
      }
      const { entries, passed = [] } = await storage.list()
      const [absent] = await ask(storage, ['no such name'])
      const { faults, names } = record as Awaited<ReturnType<typeof storage.readRecord>> // not an error
      const isMisspelt = passed.some(({ kind }) => NAME_FAULTS.has(kind))
      expect(absent === null).toBe(faults.count === 0 && !isMisspelt)
      if (faults.count > 0) expect(passed.map(({ kind }) => kind)).toContain('other')
      expect(names + faults.count).toBeGreaterThan(0)
      for (const { name } of entries) expect(parseName(name)).toBe(name)
      for (const said of await ask(
        storage,
        entries.map(({ name }) => name),
      ))
        expect(said).toMatch(/^([0-9a-f]{64}$|the list )/)
    }),
    { numRuns: 1500 },
  )
})

it('byte strings are sorted by their bytes, and equal ones by their place', () => {
  const string = fc.array(fc.constantFrom(0, 1, 0x41, 0x42, 0xff), { maxLength: 5 })
  fc.assert(
    fc.property(fc.array(string, { maxLength: 60 }), (strings) => {
      let end = 0
      const offsets = [0, ...strings.map(({ length }) => (end += length))]
      const order = sortNames({ bytes: Uint8Array.from(strings.flat()), offsets: Uint32Array.from(offsets) })
      const expected = strings.map((_, i) => i)
      expected.sort(
        (a, b) => Buffer.compare(Buffer.from(strings[a] ?? []), Buffer.from(strings[b] ?? [])) || a - b,
      )
      expect([...order]).toEqual(expected)
    }),
    { numRuns: 1000 },
  )
})
