import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { MAX_TWINS_SAID } from '../limits.ts'
import { createStage } from '../stage.suite.ts'

/** Checks directories that hold these names each; the lines for people about twins. */
async function check(...trees: readonly (readonly string[])[]): Promise<string[]> {
  const stage = createStage()
  const flags = trees.flatMap((names, i) => {
    const id = `r${i + 1}`
    mkdirSync(join(stage.cwd, id, 'd'), { recursive: true })
    for (const name of ['same', ...names]) writeFileSync(join(stage.cwd, id, name), 'text')
    return ['--replica', `${id}=${id}`]
  })
  const { stderr } = await stage.run(['check', ...flags, '--index', 'index'])
  return stderr.split('\n').filter((line) => / differs? from /.test(line))
}

it('reports missing names that differ from others only in case or normal form', async () => {
  expect(await check(['Straße', 'd/b', 'e\u0301'], ['STRASSE', 'd/B', '\u00e9'])).toEqual([
    "'Straße' differs from 'STRASSE' only in case",
    "'d/b' differs from 'd/B' only in case",
    "'\u00e9' differs from 'e\u0301' only in Unicode normalization",
  ])
})

it('reports no names that a replica has beside each other, and of those that differ otherwise', async () => {
  expect(await check(['a', 'A', 'b'], ['A', 'c'], ['a', 'x'])).toEqual([])
})

it('reports the first of many, and the number of the rest', async () => {
  const names = Array.from({ length: MAX_TWINS_SAID + 3 }, (_, i) => `name${i}`)
  const lines = await check(
    names,
    names.map((name) => name.toUpperCase()),
  )
  expect(lines).toHaveLength(MAX_TWINS_SAID + 1)
  expect(lines.at(-1)).toBe('3 more names differ from others only in case or Unicode normalization')
})
