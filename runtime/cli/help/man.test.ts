import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { toFlags } from '../options/declaration.ts'
import { DECLARATIONS } from '../options/declarations.ts'
import { createStage } from '../stage.suite.ts'
import { toManual } from './manual.ts'

const PAGE = toManual(DECLARATIONS, '0.1.0')

const hasMandoc = spawnSync('mandoc', ['-T', 'lint'], { input: PAGE }).error === undefined
if (!hasMandoc) console.warn('NOT TESTED without mandoc: whether the manual page is sound, and how it reads')

test('docs/vouch.1 is the output of vouch man', async () => {
  const { status, stdout } = await createStage().run(['man'])
  expect(status).toBe(0)
  const path = fileURLToPath(new URL('../../../docs/vouch.1', import.meta.url))
  expect(stdout, 'run npm run manual').toBe(readFileSync(path, 'utf8'))
})

test.runIf(hasMandoc)('mandoc reports no warnings for the manual page', () => {
  const { status, stdout, stderr } = spawnSync('mandoc', ['-T', 'lint', '-W', 'style'], {
    input: PAGE,
    encoding: 'utf8',
  })
  expect([status, stdout, stderr]).toEqual([0, '', ''])
})

test.runIf(hasMandoc)('the manual page contains the text of the declarations', () => {
  const { stdout } = spawnSync('mandoc', ['-T', 'utf8', '-O', 'width=500'], { input: PAGE, encoding: 'utf8' })
  // Bold is each character twice, with a step back between.
  const text = stdout.replace(/.\x08/g, '').replace(/ +/g, ' ')
  for (const declaration of DECLARATIONS) {
    const paragraphs = [...declaration.description, ...Object.keys(declaration.examples)]
    const flags = Object.entries(toFlags(declaration))
    for (const paragraph of paragraphs) expect(text).toContain(paragraph)
    for (const [flag, { about }] of flags) {
      expect(text).toMatch(new RegExp(`--${flag}\\b`))
      expect(text).toContain(about)
    }
  }
})

test('no text of a declaration is parsed as a roff request', () => {
  const [first] = DECLARATIONS
  if (first === undefined) throw new Error('there are commands')
  const hostile = {
    ...first,
    name: 'x',
    flags: {},
    shared: [],
    description: ['.de \\n \'so /etc/passwd "x"', "'br"],
  }
  const lines = toManual([hostile], '0').split('\n')
  expect(lines).toContain('\\&.de \\en \\(aqso /etc/passwd \\(dqx\\(dq')
  expect(lines).toContain('\\(aqbr')
})
