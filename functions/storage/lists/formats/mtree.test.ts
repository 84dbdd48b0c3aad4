import { expect, it } from 'vitest'
import { ask, createStorage } from '../lists.suite.ts'

const A = 'a'.repeat(64)

function open(text: string) {
  return createStorage({ name: 'spec', bytes: text })
}

it('a line longer than mtree writes is not understood, whatever it begins with, and has no sum', async () => {
  const long = ' '.repeat(8192)
  const list = open(`#mtree\n#${long}\na type=file sha256=${A}\n${long}b type=file sha256=${A}\n`)
  expect(await ask(list, ['a', 'b'])).toEqual([A, expect.stringContaining('longer than mtree writes')])
  await expect(open(`#mtree\na type=file${long} sha256=${A}\n`).list()).rejects.toThrow(/has no sums of/)
})
