import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT } from './installed.ts'
import { STEPS } from './release-steps.ts'

it('docs/releasing.md lists the steps of npm run release:check', async () => {
  const text = await readFile(join(ROOT, 'docs/releasing.md'), 'utf8')
  const items = [...text.matchAll(/^- \[ \] (.+?)\.(?= |$)/gm)].map(([, item]) => item)
  expect(items).toEqual(STEPS.map(({ title }) => title))
})
