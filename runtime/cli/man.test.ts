import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { COMMANDS } from './commands.ts'
import { toFlags } from './declaration.ts'
import { toManual } from './manual.ts'
import { createStage } from './stage.suite.ts'

const DECLARATIONS = COMMANDS.map(({ declaration }) => declaration)
const PAGE = toManual(DECLARATIONS, '0.1.0')

const hasMandoc = spawnSync('mandoc', ['-T', 'lint'], { input: PAGE }).error === undefined
if (!hasMandoc) console.warn('NOT TESTED without mandoc: whether the manual page is sound, and how it reads')

test('docs/vouch.1 is what vouch man prints', async () => {
  const { status, stdout } = await createStage().run(['man'])
  expect(status).toBe(0)
  const path = fileURLToPath(new URL('../../docs/vouch.1', import.meta.url))
  expect(stdout, 'write it anew: npm run -s vouch -- man > docs/vouch.1').toBe(readFileSync(path, 'utf8'))
})

test.runIf(hasMandoc)('mandoc finds nothing to complain of in the manual page', () => {
  const { status, stdout, stderr } = spawnSync('mandoc', ['-T', 'lint', '-W', 'style'], {
    input: PAGE,
    encoding: 'utf8',
  })
  expect([status, stdout, stderr]).toEqual([0, '', ''])
})

test.runIf(hasMandoc)('the manual page reads as the declarations do', () => {
  const { stdout } = spawnSync('mandoc', ['-T', 'utf8', '-O', 'width=500'], { input: PAGE, encoding: 'utf8' })
  // Bold is each character twice, with a step back between.
  const text = stdout.replace(/.\x08/g, '').replace(/ +/g, ' ')
  for (const declaration of DECLARATIONS) {
    const paragraphs = [...declaration.description, ...declaration.examples.map(({ line }) => line)]
    const flags = Object.entries(toFlags(declaration))
    for (const paragraph of paragraphs) expect(text).toContain(paragraph)
    for (const [flag, { about }] of flags) {
      expect(text).toMatch(new RegExp(`--${flag}\\b`))
      expect(text).toContain(about)
    }
  }
})

test('no text of a declaration is taken for a request of roff', () => {
  const [first] = DECLARATIONS
  if (first === undefined) throw new Error('there are commands')
  const hostile = { ...first, name: 'x', groups: [], description: ['.de \\n \'so /etc/passwd "x"', "'br"] }
  const lines = toManual([hostile], '0').split('\n')
  expect(lines).toContain('\\&.de \\en \\(aqso /etc/passwd \\(dqx\\(dq')
  expect(lines).toContain('\\(aqbr')
})
