import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { API_PATH, createApi } from './api.ts'

describe('docs/api.md', () => {
  const api = createApi()

  it('matches the sources; npm run api writes it', async () => {
    expect(await readFile(API_PATH, 'utf8')).toBe(api)
  })

  it('documents every export', () => {
    const sections = api.split(/^### /m).slice(1)
    const silent = sections.filter((section) => /^.+\n\n```/.test(section))
    expect(silent.map((section) => section.split('\n')[0])).toEqual([])
    expect(sections.length).toBeGreaterThan(50)
  })
})
