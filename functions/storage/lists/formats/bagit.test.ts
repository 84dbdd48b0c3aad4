import { expect, it } from 'vitest'
import { hash, toBytes } from '../../suite/set-up.suite.ts'
import { ask, createStorage, listAll } from '../lists.suite.ts'
import { toSiblingNames } from './bagit.ts'

const [A, B] = ['a'.repeat(64), 'b'.repeat(64)] as const

interface Bag {
  readonly version?: string
  readonly siblings?: Readonly<Record<string, string>>
  readonly name?: string
  readonly format?: 'bagit'
}

function open(manifest: string, bag: Bag = {}) {
  const { version = '1.0', siblings = {}, name = 'manifest-sha256.txt', format } = bag
  const declaration = `BagIt-Version: ${version}\nTag-File-Character-Encoding: UTF-8\n`
  const files = Object.entries({ 'bagit.txt': declaration, ...siblings })
  const beside = new Map(files.map(([name, text]) => [name, toBytes(text)]))
  return createStorage({ name, bytes: manifest, siblings: beside }, { format })
}

async function read(manifest: string, bag?: Bag) {
  const storage = open(manifest, bag)
  const { names } = await listAll(storage)
  return Object.fromEntries((await ask(storage, names)).map((digest, i) => [names[i], digest]))
}

it('blanks and tabs divide sum and name, which may begin with a star or ./', async () => {
  const manifest = `${A} data/a\n${A}  data/b\n${A}\t data/c \n${A} *data/d\n${A} ./data/e\n`
  const expected = ['data/a', 'data/b', 'data/c ', 'data/d', 'data/e'].map((name) => [name, A])
  expect(await read(manifest)).toEqual(Object.fromEntries(expected))
})

it('1.0 decodes line ends and %, 0.97 line ends alone, and those only when it is called a bag', async () => {
  const manifest = `${A} data/a%0Ab%0dc\n${B} data/100%25\n`
  expect(await read(manifest)).toEqual({ 'data/a\nb\rc': A, 'data/100%': B })
  expect(await read(manifest, { version: '0.97' })).toEqual({ 'data/100%25': B })
  expect(await ask(open(manifest, { version: '0.97' }), ['data/a'])).toEqual([
    expect.stringMatching(/line 1 .* '%0A' or '%0D' that may be of the name; add \?format=bagit/),
  ])
  expect(await read(manifest, { version: '0.97', format: 'bagit' })).toEqual({
    'data/a\nb\rc': A,
    'data/100%25': B,
  })
  expect(await read(`${A} data/100%\n${B} data/b\n`, { version: '0.97' })).toEqual({
    'data/100%': A,
    'data/b': B,
  })
})

it('a % that 1.0 would have encoded leaves the name unclear', async () => {
  const storage = open(`${A} data/100%\n${B} data/b\n`)
  expect(await ask(storage, ['data/b', 'data/100%'])).toEqual([
    B,
    expect.stringContaining('line 1 of the list is'),
  ])
})

it.each<[string, Bag, string, RegExp]>([
  [
    'a number of files',
    { siblings: { 'bag-info.txt': 'Payload-Oxum: 10.3\n' } },
    `${A} data/a\n`,
    /has 1 files, and the Payload-Oxum of its bag is '10.3'/,
  ],
  [
    'a bag-info.txt that is too long',
    { siblings: { 'bag-info.txt': 'x'.repeat(64 * 1024 + 1) } },
    `${A} data/a\n`,
    /lies beside a bag-info.txt of more than 65,536 bytes/,
  ],
  [
    'a name outside data/',
    {},
    `${A} data/a\n${B} bagit.txt\n`,
    /line 2 .* would have to begin with 'data\/'/,
  ],
  [
    'a tag manifest',
    { siblings: { 'tagmanifest-sha256.txt': `${B} bagit.txt\n${B} manifest-sha256.txt\n` } },
    `${A} data/a\n`,
    /it was changed after the bag was made/,
  ],
])('%s that does not fit makes every other name unreadable', async (_what, bag, manifest, words) => {
  expect(await ask(open(manifest, bag), ['data/a', 'none'])).toEqual([A, expect.stringMatching(words)])
})

it('a bag that fits says what is missing, and which files are still to be fetched', async () => {
  const manifest = `${A} data/a\n`
  const siblings = {
    'bag-info.txt': 'Contact-Name: me\nPayload-Oxum: 10.1\n',
    'tagmanifest-sha256.txt': `${await hash(toBytes(manifest))} manifest-sha256.txt\n`,
    'fetch.txt': 'https://example.org/a 10 data/a\n',
  }
  const storage = open(manifest, { siblings })
  expect(await ask(storage, ['data/a', 'none'])).toEqual([A, null])
  expect((await storage.readRecord()).notes).toEqual([
    'its bag does not contain a file that fetch.txt says where to get',
  ])
})

it('a tag manifest is of files beside data/', async () => {
  expect(await read(`${A} bagit.txt\n`, { name: 'tagmanifest-sha256.txt' })).toEqual({ 'bagit.txt': A })
})

it.each([
  ['an unknown version', { version: '2.0' }, /BagIt version '2.0'/],
  ['a version without end', { version: `${'2'.repeat(200)}\u001b[1m` }, /BagIt version '2{100}…'/],
  ['a version with control characters', { version: '\u001b[2J' }, /BagIt version '[^\u001b]+'/],
  [
    'a bagit.txt that is too long',
    { version: `1.0${' '.repeat(64 * 1024)}` },
    /bagit.txt of more than 65,536/,
  ],
  [
    'another encoding',
    { siblings: { 'bagit.txt': 'BagIt-Version: 1.0\nTag-File-Character-Encoding: ISO-8859-1\n' } },
    /ISO-8859-1/,
  ],
])('%s is refused', async (_what, bag, words) => {
  await expect(read(`${A} data/a\n`, bag)).rejects.toThrow(words)
})

it('without bagit.txt it is a list like others', async () => {
  const storage = createStorage({ name: 'manifest-sha256.txt', bytes: `${A} data/a%0A\n` })
  expect(await ask(storage, ['data/a%0A'])).toEqual([A])
  expect((await storage.readRecord()).format).toBe('bare')
})

it('only a manifest has files beside it', () => {
  expect(toSiblingNames('SHA256SUMS')).toEqual([])
  expect(toSiblingNames('manifest-md5.txt')).toEqual([
    'bagit.txt',
    'bag-info.txt',
    'fetch.txt',
    'tagmanifest-md5.txt',
  ])
  expect(toSiblingNames('tagmanifest-md5.txt')).toEqual(['bagit.txt', 'bag-info.txt', 'fetch.txt'])
})

it('labels and values end at the first colon, whatever blanks are around it', async () => {
  const blanks = ' '.repeat(20_000)
  const declaration = `${blanks}\nBagIt-Version ${blanks}:\t1.0 ${blanks}\nTag-File-Character-Encoding : utf-8\n`
  const siblings = {
    'bagit.txt': declaration,
    'bag-info.txt': `Note: a: b\nx${blanks.repeat(3)}y\nPayload-Oxum :10.2\n`,
  }
  expect(await ask(open(`${A} data/a%25\n${B} data/b\n`, { siblings }), ['data/a%', 'none'])).toEqual([
    A,
    null,
  ])
})
