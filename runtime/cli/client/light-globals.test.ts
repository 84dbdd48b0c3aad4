import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { finish, startVouch } from '../process.suite.ts'
import { createStageWith } from '../stage.suite.ts'

test("a module of the user's has the globals of Node", async () => {
  const { cwd } = createStageWith({ 'a/f': '1' })
  const sum = '6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b'
  const lines = [
    'async function readFacts() {',
    '  performance.mark("asked")',
    '  const { byteLength: size } = await new Response("1").arrayBuffer()',
    `  return { size, digest: '${sum}', modified: null, evidence: 'read', age: 0 }`,
    '}',
    'export default () => ({',
    '  describe: (names) => names.map(readFacts),',
    '  open: async () => null,',
    '  list: async () => ({ entries: [], next: null }),',
    '})',
  ]
  writeFileSync(join(cwd, 'store.mjs'), lines.join('\n'))
  const args = ['get', 'f', '--replica', 'a=a', '--replica', 'b=module:./store.mjs', '-o', '-']
  const { status, said } = await finish(startVouch(args, cwd))
  expect({ status, said }).toEqual({ status: 0, said: ['1', expect.any(String)] })
})
