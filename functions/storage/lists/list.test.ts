import { describe, expect, it } from 'vitest'
import { parseAlgorithm, SHA256 } from './algorithms.ts'
import { LIST_FORMATS, type ListFormat, type ListOptions } from './list-options.ts'
import { ask, createStorage, listAll } from './lists.suite.ts'

const [A, B, C] = ['a'.repeat(64), 'b'.repeat(64), 'c'.repeat(64)] as const
const MD5 = 'd'.repeat(32)
const [SHA512, BLAKE3] = [parseAlgorithm('sha512') ?? SHA256, parseAlgorithm('blake3') ?? SHA256] as const

/** The digests that a list has by name, or the error by which the whole of it is refused. */
async function read(bytes: string | Uint8Array, options: ListOptions & { readonly name?: string } = {}) {
  const { name = 'SHA256SUMS', ...rest } = options
  const storage = createStorage({ name, bytes }, rest)
  const { names } = await listAll(storage)
  const digests = await ask(storage, names)
  return Object.fromEntries(names.map((name, i) => [name, digests[i]]))
}

const encoder = new TextEncoder()

describe('a list is read as its lines show:', () => {
  it.each<[string, string, Record<string, string>]>([
    ['text of sha256sum', `${A}  a\n${B}   b \n`, { a: A, ' b ': B }],
    ['binary of sha256sum', `${A} *a\n${B} **b\n`, { a: A, '*b': B }],
    ['capital digits', `${A.toUpperCase()}  a\n`, { a: A }],
    ['escaped names', `\\${A}  a\\nb\\rc\n${B}  n\\n\n`, { 'a\nb\rc': A }],
    ['sha256deep -l', `${A}  ./d/a\n${B}  ././b\n`, { 'd/a': A, b: B }],
    ['empty and dot segments', `${A}  dir//a\n${B}  .//b/././c\n`, { 'dir/a': A, 'b/c': B }],
    ['--tag', `SHA256 (a) = ${A}\nSHA256 (b) = (c)) = ${B}\n`, { a: A, 'b) = (c)': B }],
    ['escaped --tag', `\\SHA256 (a\\nb) = ${A}\n`, { 'a\nb': A }],
    ['--zero', `${A}  a\nb\0${B}  \\c\0`, { 'a\nb': A }],
    ['--tag --zero', `SHA256 (a\nb) = ${A}\0`, { 'a\nb': A }],
    ['openssl dgst -r', `${A} *a\n\\${B} *b\\nc\n`, { a: A, 'b\nc': B }],
    ['openssl dgst', `SHA2-256(a b)= ${A}\nSHA256(b)= ${B}\n`, { 'a b': A, b: B }],
    ['one blank on every line', `${A} a\n${B} data/two words\n`, { a: A, 'data/two words': B }],
    ['git-annex', `SHA256E-s3--${A}.tar.gz a b\nSHA256-s4-m1--${B} c\n`, { 'a b': A, c: B }],
    ['Windows', `${A}  a\r\n${B}  b\r\n`, { a: A, b: B }],
    ['a byte order mark', `\ufeff${A}  a\n`, { a: A }],
    ['comments at the beginning', `# made by hand\n\n; too\n${A}  a\n`, { a: A }],
    ['several algorithms', `MD5 (a) = ${MD5}\nSHA256 (a) = ${A}\nSHA512 (a) = ${A}${A}\n`, { a: A }],
    ['the same line twice', `${A}  a\n${A}  a\n`, { a: A }],
  ])('%s', async (_format, text, expected) => {
    expect(await read(text)).toEqual(expected)
  })

  it('hashdeep, with sizes, commas in names, and the columns that it has', async () => {
    const head =
      '%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,filename\n## Invoked from: /d\n## $ hashdeep -l\n## \n'
    const storage = createStorage({ name: 'old.txt', bytes: `${head}3,${MD5},${A},./a,b\n` })
    expect((await storage.list()).entries).toEqual([{ name: 'a,b', size: 3, modified: null }])
    expect(await ask(storage, ['a,b', 'a', 'c'])).toEqual([A, null, null])
    const long = `%%%% HASHDEEP-1.0\n%%%% size,${'sha256,'.repeat(40)}filename\n`
    await expect(read(`${long}3,${`${A},`.repeat(40)}a\n`)).rejects.toThrow('has no sums of')
    const md5 = parseAlgorithm('md5') ?? SHA256
    expect(await read(`${head}3,${MD5},${A},./a\n`, { algorithm: md5 })).toEqual({ a: `md5:${MD5}` })
  })

  it('mtree of NetBSD: nested, with defaults, escapes, continued lines, and other kinds of file', async () => {
    const lines = [
      '#\t   user: me',
      '',
      '# .',
      '/set type=file uid=0 mode=0644',
      '.               type=dir mode=0755',
      `    a\\sb\\M-C\\M-)\\n  size=3 time=1500000000.250000000 \\`,
      `                sha256=${A}`,
      `    plain       sha256digest=${B} size=0`,
      '    link        type=link link=a\\sb',
      '# ./d',
      'd               type=dir',
      `    f           sha256=${C}`,
      '# ./d',
      '..',
      `    g           md5=${MD5}`,
      '..',
      '',
    ]
    const storage = createStorage({ name: 'spec', bytes: lines.join('\n') })
    const { entries, passed } = await storage.list()
    expect(entries).toEqual([
      { name: 'a bé\n', size: 3, modified: 1_500_000_000_250 },
      { name: 'd/f', size: null, modified: null },
      { name: 'g', size: null, modified: null },
      { name: 'plain', size: 0, modified: null },
    ])
    expect(passed).toEqual([{ kind: 'link', count: 1, examples: ['link'] }])
    const names = entries.map(({ name }) => name)
    expect(await ask(storage, [...names, 'd', 'link'])).toEqual([
      ...[A, C, 'the list has no SHA-256 of the name', B, null, null],
    ])
  })

  it('mtree of FreeBSD and libarchive: whole paths, in octal', async () => {
    const text = `#mtree\n. type=dir\n./a\\040b type=file sha256digest=${A} size=1\n./d type=dir\n./d/c type=file sha256digest=${B}\n`
    expect(await read(text, { name: 'spec' })).toEqual({ 'a b': A, 'd/c': B })
    const withoutHead = `./d/c type=file sha256=${B} size=1\n. type=dir\n`
    expect(await read(withoutHead, { name: 'spec' })).toEqual({ 'd/c': B })
  })

  it('cksfv and rhash, whose comments describe the files', async () => {
    const head = '; Generated by cksfv v1.3.14 on 2026-11-29 at 20:03.05\n;\n'
    const list = `${head};            3  20:03.05 2026-11-29 a b\na b DEADBEEF\n`
    expect(await read(list, { name: 'x.sfv' })).toEqual({ 'a b': 'crc32:deadbeef' })
    const hidden = `${head};            3  20:03.05 2026-11-29 ; x\n; x DEADBEEF\na 01234567\n`
    const storage = createStorage({ name: 'x.sfv', bytes: hidden })
    expect(await ask(storage, ['; x', 'b'])).toEqual([
      expect.stringContaining(
        "line 4 of the list may be a comment, or the CRC32 of a file whose name begins with ';'",
      ),
      expect.stringContaining('line 4'),
    ])
  })

  it('SFV, also of a name that looks like a sum, and of one that begins as comments elsewhere', async () => {
    const list = 'deadbeef 01234567\n#hash 89abcdef\na 00000000\n'
    const expected = { deadbeef: 'crc32:01234567', '#hash': 'crc32:89abcdef', a: 'crc32:00000000' }
    expect(await read(list, { name: 'list' })).toEqual(expected)
    expect(await read('deadbeef 01234567\n', { name: 'a.sfv' })).toEqual({ deadbeef: 'crc32:01234567' })
    await expect(read('deadbeef 01234567\n', { name: 'list' })).rejects.toThrow('a sum at both ends')
  })

  it('borg, whose folders have no sum', async () => {
    const options = { format: 'borg' } as const
    const tree = ` .\n${A} a\n d\n d/e\n${B} d/e/f\n`
    const storage = createStorage({ name: 'list', bytes: tree }, options)
    expect(await ask(storage, ['a', 'd/e/f', 'd', 'none'])).toEqual([A, B, null, null])
    for (const text of [`${A} a\n d\n${B} e\n`, `${A} a\n d\n`, `${A} a\n d\n${B} dd\n`]) {
      const unclear = createStorage({ name: 'list', bytes: text }, options)
      expect(await ask(unclear, ['a', 'none'])).toEqual([
        'the list has in line 1 a name that may go on in the next line',
        expect.stringContaining("line 2 of the list is 'd' without a sum"),
      ])
    }
  })

  it('borg, as text if it is called so, and as JSON', async () => {
    const text = `${A} a\n${B}  lead\n${C} *star\n`
    expect(await read(text, { name: 'list', format: 'borg' })).toEqual({ a: A, ' lead': B, '*star': C })
    const line = {
      type: '-',
      mode: '-rw-',
      path: 'a "b"',
      size: 3,
      mtime: '2026-01-02T03:04:05.000000',
      sha256: A,
    }
    const lines = [{ ...line, type: 'd', path: 'd' }, line, { ...line, type: 'l', path: 'z' }]
    const json = lines.map((one) => `${JSON.stringify(one)}\n`).join('')
    const storage = createStorage({ name: 'list', bytes: json })
    expect((await storage.list()).entries).toMatchObject([{ name: 'a "b"', size: 3 }])
    expect((await storage.list()).passed).toEqual([{ kind: 'link', count: 1, examples: ['z'] }])
    expect(await ask(storage, ['a "b"', 'd'])).toEqual([A, null])
  })
})

describe('what two writers mean differently is refused', () => {
  it.each<[string, string, RegExp, ListOptions?]>([
    [
      'one blank and two',
      `${A} a\n${B}  b\n`,
      /^line 1 of the list has one blank .* line 2 two.*format=bare.*format=gnu/,
    ],
    ['shasum -U', `${A} Ua\n${B} Ub\n`, /'shasum -U'.*format=bare/],
    ['no line with a sum', 'a\nb\n', /^no line of the list has a sum and a name; its first is 'a'$/],
    ['UTF-16', '\ufeffa', /UTF-16/],
    ['absolute names', `${A}  /d/a\n${B}  /d/b\n`, /absolute names, such as '\/d\/a'.*\?root=/],
    ['a root that no name has', `${A}  a\n`, /^no name of the list lies below the folder 'd'/, { root: 'd' }],
    [
      'an algorithm that it does not have',
      `SHA256 (a) = ${A}\n`,
      /a SHA-512 has 128|no sums|SHA-512/,
      { algorithm: SHA512 },
    ],
  ])('as a whole: %s', async (what, text, message, options = {}) => {
    const bytes = what === 'UTF-16' ? new Uint8Array([0xff, 0xfe, 0x61, 0x00]) : text
    const answer = read(bytes, options).then((found) => {
      throw new Error(JSON.stringify(found))
    })
    await expect(answer).rejects.toThrow(message)
  })

  it.each<[string, string, string]>([
    ['list.txt', `${A}  a\n`, '?algorithm=sha256 or ?algorithm=blake3'],
    ['md5-and-sha1.txt', `${A}  a\n`, 'BLAKE2s'],
    ['list.txt', `${MD5}  a\n`, '?algorithm=md5'],
    ['list.txt', `${'1'.repeat(16)}  a\n`, 'XXH64, XXH3, which vouch does not compute'],
    ['list.txt', `XXH64 (a) = ${'1'.repeat(16)}\n`, 'sums of XXH64, which vouch does not compute'],
    ['sha512-256.txt', `${A}  a\n`, '?algorithm=sha256'],
  ])('as a whole, when %s does not name the algorithm of %s', async (name, text, words) => {
    await expect(read(text, { name })).rejects.toThrow(words)
  })

  it.each<[string, string, ListOptions, (string | null)[], RegExp]>([
    [
      'a line that is not understood',
      `${B}  b\n${A}  a\nrest\n`,
      {},
      [B],
      /^line 3 .*'rest'; it would have to be 'SUM {2}NAME'/,
    ],
    [
      'an empty line',
      `${B}  b\n\n${A}  a\n`,
      {},
      ['the list has in line 1 a name that may go on in the next line'],
      /^line 2 of the list is empty/,
    ],
    [
      'a comment among the lines',
      `${A}  a\n${B}  b\n# note\n`,
      {},
      ['the list has in line 2 a name that may go on in the next line'],
      /^line 3/,
    ],
    [
      'a NUL in a list of lines',
      `${B}  b\0${A}  a\n${C}  c\0`,
      {},
      [B],
      /^line 2 of the list is '.*', which may be several lines; add \?format=zero/,
    ],
    [
      'a NUL at the end of tagged lines',
      `${B}  b\0SHA256 (a) = ${A}\nSHA256 (c) = ${C}\0`,
      {},
      [B],
      /^line 2 /,
    ],
    ['a NUL at the end of a list of lines', `${B}  b\0${A}  a\n\0`, {}, [B], /^line 2 .* several lines/],
    [
      'another number of digits',
      `${MD5}  c\n${B}  b\n`,
      {},
      [B],
      /^line 1 of the list has 32 hexadecimal digits; a SHA-256 has 64/,
    ],
    ['no line end at the end', `${B}  b\n${A}  a`, {}, [B], /^the list has no line end after its last line/],
    ['an escape that GNU does not write', `${B}  b\n\\${A}  a\\tb\n`, {}, [B], /^line 2 .*no other escapes/],
    ["openssl's line ends", `${B} *b\n\\${A} *a\\nb\\n\n`, {}, [B], /^line 2 .*\?format=gnu/],
    ['a symbol of rclone', `${B}  b\n${A}  a\u240ab\n`, {}, [B], /^line 2 .*\?format=rclone or \?format=gnu/],
    ["a '?' that borg may have written", `${B} b\n${A} a?\n`, {}, [B], /^line 2 .*\?format=bare/],
    [
      'U+FFFD by b3sum',
      `${B}  b\n${A}  a\ufffd\n`,
      { algorithm: BLAKE3 },
      [`blake3:${B}`],
      /^line 2 .*\?format=gnu/,
    ],
  ])(
    'for its own line, and for every name that is not listed: %s',
    async (_what, bytes, options, expected, words) => {
      const storage = createStorage({ name: 'SHA256SUMS', bytes }, options)
      const [fault = ''] = (await storage.readRecord()).faults.first.map(({ line, words }) =>
        line === 0 ? `the list ${words}` : `line ${line} of the list ${words}`,
      )
      expect(fault).toMatch(words)
      expect(await ask(storage, ['b', 'none'])).toEqual([
        ...expected,
        `the list does not say that the file is missing: ${fault}`,
      ])
      expect((await listAll(storage)).passed).toEqual([['other', 1]])
    },
  )

  it('unless its writer is named', async () => {
    expect(await read(`${A}  a\u240ab\u201b\u240a\u201b\u201b\u201bFF\n`, { format: 'rclone' })).toEqual({})
    expect(await read(`${A}  a\u240ab\u201b\u240a\n`, { format: 'rclone' })).toEqual({ 'a\nb\u240a': A })
    expect(await read(`${A}  a\u240ab\n`, { format: 'gnu' })).toEqual({ 'a\u240ab': A })
    expect(await read(`\\${A} *a\\nb\\n\n`, { format: 'gnu' })).toEqual({ 'a\nb\n': A })
    expect(await read(`${A} a?\n`, { format: 'bare' })).toEqual({ 'a?': A })
    expect(await read(`${A}  a\n${B}  b\n\0`, { format: 'zero' })).toEqual({ [`a\n${B}  b\n`]: A })
    expect(await read(`${A}  a\n${B} Ub\n`, { format: 'bare' })).toEqual({ ' a': A, Ub: B })
  })

  it('when a name has two contents, in any order', async () => {
    const two = 'the list has the name twice, with two contents, in lines 1 and 3'
    expect(await read(`${A}  a\n${B}  b\n${C}  a\n`)).toEqual({ a: two, b: B })
    expect(await read(`${A}  a\n${B}  0\n${C}  a\n`)).toEqual({ a: two, '0': B })
  })

  it('when a line end may belong to the name', async () => {
    const storage = createStorage({ name: 'SHA256SUMS', bytes: `${A}  Icon\r\n${B}  b\n` })
    expect(await ask(storage, ['Icon\r', 'Icon', 'b', 'c'])).toEqual([
      A,
      expect.stringContaining('with a CR'),
      B,
      null,
    ])
  })
})

it('a file of which nearly nothing is understood is refused, and not read to its end', async () => {
  const rest = 'rest\n'.repeat(10_001)
  await expect(read(`${A}  a\n${rest}`)).rejects.toThrow(
    /^more than 10,000 lines of the list are not understood; line 2 is 'rest'; it would have to be/,
  )
})

it('a line of mtree that may have opened a folder leaves unclear what comes after it', async () => {
  const file = `type=file sha256=${A}\n`
  const text = `#mtree\n. type=dir\na ${file}d\\q type=dir\nb ${file}..\nc ${file}./e/f ${file}`
  const storage = createStorage({ name: 'spec', bytes: text })
  const [a, ...rest] = await ask(storage, ['a', 'e/f', 'b', 'd/b', 'c'])
  expect([a, rest[0]]).toEqual([A, A])
  for (const said of rest.slice(1)) expect(said).toContain('line 4 of the list has an escape')
  expect((await listAll(storage)).passed).toEqual([['other', 3]])
})

it('the root is taken off the names, and names outside do not count', async () => {
  const text = `${A}  ./photos/a\n${B}  photos2/b\n${C}  photos\n`
  for (const root of ['photos', 'photos/', './photos']) {
    const storage = createStorage({ name: 'SHA256SUMS', bytes: text }, { root })
    expect(await listAll(storage)).toEqual({ names: ['a'], passed: [] })
    expect(await storage.readRecord()).toMatchObject({ names: 1, outside: 2 })
  }
  for (const name of ['/home/me/a', '/home//me/a', '/home/./me//a'])
    expect(await read(`${A}  ${name}\n`, { root: '/home/me' })).toEqual({ a: A })
  expect(await read(`${A}  a\n`, { root: '.' })).toEqual({ a: A })
})

it('names that are not valid are counted, each by what is wrong with it', async () => {
  const names = ['a', '../up', 'a/b/', '.vouch', '.vouch/x', 'x'.repeat(1025)]
  const text = `${names.map((name) => `${A}  ${name}\n`).join('')}\\${A}  back\\\\slash\n`
  const bytes = new Uint8Array([...encoder.encode(text), ...encoder.encode(`${A}  caf`), 0xe9, 0x0a])
  expect(await listAll(createStorage({ name: 'SHA256SUMS', bytes }))).toEqual({
    names: ['a'],
    passed: [
      ['dot-segment', 1],
      ['reserved', 1],
      ['empty-segment', 1],
      ['backslash', 1],
      ['not-utf-8', 1],
      ['name-too-long', 1],
    ],
  })
})

it.each<[string, ListOptions, boolean]>([
  ['a/../b', {}, true],
  ['dir\\\\b', {}, true],
  ['/d/b', {}, true],
  ['b/', {}, true],
  ['dir//b', {}, false],
  ['.vouch/b', {}, false],
  ['p/../p/b', { root: 'p' }, true],
  ['q/../p/b', { root: 'p' }, true],
  ['p\\\\b', { root: 'p' }, true],
  ['/d/p/b', { root: 'p' }, true],
  ['q\\\\b', { root: 'p' }, false],
  ['q/b', { root: 'p' }, false],
  ['../p/b', { root: 'p' }, true],
])(
  'a name that may be another spelling leaves others unclear: %s %o: %s',
  async (name, options, isUnclear) => {
    const own = options.root === undefined ? 'a' : 'p/a'
    const text = `${A}  ${own}\n${name.includes('\\') ? '\\' : ''}${B}  ${name}\n`
    expect(await ask(createStorage({ name: 'SHA256SUMS', bytes: text }, options), ['a', 'none'])).toEqual([
      A,
      isUnclear
        ? expect.stringMatching(/^the list does not say that the file is missing: line 2 .* not valid: '/)
        : null,
    ])
  },
)

it.each(LIST_FORMATS)(
  'a list of another format is refused or not understood as %s',
  async (format: ListFormat) => {
    const storage = createStorage({ name: 'x', bytes: 'neither\nnor\n' }, { format, algorithm: SHA256 })
    const [said] = await ask(storage, ['a'])
    expect(said).toMatch(/^(the list|line|a BagIt manifest|no )/)
  },
)
