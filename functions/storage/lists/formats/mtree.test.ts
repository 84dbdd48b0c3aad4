import { expect, it } from 'vitest'
import { ask, createStorage } from '../lists.suite.ts'

const [A, B] = ['a'.repeat(64), 'b'.repeat(64)] as const

function open(text: string) {
  return createStorage({ name: 'spec', bytes: text })
}

it('a line longer than mtree writes is not understood, whatever it begins with, and has no sum', async () => {
  const long = ' '.repeat(8192)
  const list = open(`#mtree\n#${long}\na type=file sha256=${A}\n${long}b type=file sha256=${A}\n`)
  expect(await ask(list, ['a', 'b'])).toEqual([A, expect.stringContaining('longer than mtree writes')])
  await expect(open(`#mtree\na type=file${long} sha256=${A}\n`).list()).rejects.toThrow(/has no sums of/)
})

it.each(['/set', 'c type=file'])('more keywords than mtree knows are not understood in %s', async (first) => {
  const keywords = Array.from({ length: 65 }, (_, i) => `k${i}=`)
  const file = `type=file sha256=${A}`
  const list = open(`#mtree\na ${file}\n${first} ${keywords.join(' ')}\n./d/b ${file}\n`)
  const [a, b, none] = await ask(list, ['a', 'd/b', 'none'])
  expect([a, b]).toEqual([A, A])
  expect(none).toContain('line 3 of the list has more than 64 keywords')
})

it('keywords of /set add up to no more than mtree knows', async () => {
  const sets = Array.from({ length: 65 }, (_, i) => `/set k${i}=\n`)
  const list = open(`#mtree\n${sets.join('')}./d/b type=file sha256=${A}\n`)
  expect(await ask(list, ['none'])).toEqual([expect.stringContaining('line 66 of the list has more than 64')])
})

it('keywords of a line come before those of /set', async () => {
  const list = open(`#mtree\n/set type=file sha256=${B} size=2\na sha256digest=${A} size=1\nb\n`)
  expect(await ask(list, ['a', 'b'])).toEqual([A, B])
  expect((await list.list()).entries.map(({ size }) => size)).toEqual([1, 2])
})

it.each([
  [`sha256=${A} sha256digest=${B}`, 'line 2 of the list has two sums of SHA-256'],
  [`sha256=${A} sha256=${B}`, 'line 2 of the list has a keyword twice, with two values'],
])('two sums of one file that contradict each other are not believed: %s', async (sums, words) => {
  const [said] = await ask(open(`#mtree\n./d/a type=file ${sums}\n`), ['d/a'])
  expect(said).toContain(words)
})

it('one sum twice is one', async () => {
  const list = open(`#mtree\na type=file sha256=${A} sha256digest=${A.toUpperCase()} optional optional\n`)
  expect(await ask(list, ['a', 'none'])).toEqual([A, null])
})

it('folders inside each other without end take no memory for their paths', async () => {
  const text = `#mtree\n/set type=dir\n${'aaaaaaaaa\n'.repeat(110)}f type=file sha256=${A}\n`
  expect(await ask(open(text), ['f'])).toEqual([
    expect.stringContaining('line 105 of the list has a path of more than 1,024 bytes'),
  ])
  const shallow = `#mtree\n/set type=dir\n${'aaaaaaaaa\n..\n'.repeat(1000)}f type=file sha256=${A}\n`
  expect(await ask(open(shallow), ['f'])).toEqual([A])
})

it('the longest name is read, nested and as a whole path', async () => {
  const name = `d/${'f'.repeat(1022)}`
  const nested = `#mtree\n. type=dir\nd type=dir\n${name.slice(2)} type=file sha256=${A}\n`
  expect(await ask(open(nested), [name, 'none'])).toEqual([A, null])
  expect(await ask(open(`#mtree\n./${name} type=file sha256=${A}\n`), [name, 'none'])).toEqual([A, null])
})
