import { existsSync, globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** Written for their own time. */
const DATED = ['CHANGELOG.md', 'docs/api.md']

it('every file and folder that the documents name exists', () => {
  const pages = globSync('{*.md,.github/**/*.md,docs/**/*.md}', { cwd: ROOT }).filter(
    (page) => !DATED.includes(page),
  )
  expect(pages.length).toBeGreaterThan(15)
  const missing = pages.flatMap((page) =>
    [
      ...readFileSync(`${ROOT}${page}`, 'utf8').matchAll(
        /\b(?:functions|runtime|tests|emulator|scripts|bench|deploy|docs)\/[\w./-]*\w(?![\w{-])/g,
      ),
    ]
      .filter(([path]) => !existsSync(`${ROOT}${path}`))
      .map(([path]) => `${page}: ${path}`),
  )
  expect(missing).toEqual([])
})
