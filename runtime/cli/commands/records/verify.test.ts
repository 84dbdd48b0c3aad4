import { readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createStageWith, toReplicaFlags } from '../../stage.suite.ts'

const FLAGS = toReplicaFlags('a', 'b')
const NAMES = Array.from({ length: 10 }, (_, i) => `file${i}`)
const FILES = Object.fromEntries(
  NAMES.flatMap((name) => [
    [`a/${name}`, 'x'.repeat(10)],
    [`b/${name}`, 'x'.repeat(10)],
  ]),
)
const hide = (text: string) => text.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d/g, 'TIME')
const last = (text: string) => hide(text).trimEnd().split('\n').at(-1)

describe('vouch verify', () => {
  it('reads everything, a portion at a time, and says how far it has come', async () => {
    const { run } = createStageWith(FILES)
    const verify = async () => last((await run(['verify', '--portion', '40%', ...FLAGS])).stderr)
    const goesOn = 'read since TIME; vouch verify goes on from there'
    expect(await verify()).toBe(`verified up to 'file3', ${goesOn}`)
    expect(await verify()).toBe(`verified up to 'file7', ${goesOn}`)
    expect((await run(['status', ...FLAGS])).stdout).toContain("verified up to 'file7', read since ")
    expect(await verify()).toBe('verified by TIME: every byte was read since TIME')
    expect(await verify()).toBe(`verified up to 'file3', ${goesOn}`)
  })

  it('ends as check does, with 1 where copies differ', async () => {
    const { cwd, run } = createStageWith(FILES)
    writeFileSync(join(cwd, 'b/file5'), 'another')
    const { status, stdout, stderr } = await run(['verify', ...FLAGS])
    expect([status, stdout]).toEqual([1, '* file5\n'])
    expect(stderr).toContain('evidence: a, b: 10 read now\n')
  })

  it.each([
    [['--portion', '8'], "--portion takes a percentage above 0 and up to 100, such as 8%, got '8'"],
    [['--portion', '101%'], "--portion takes a percentage above 0 and up to 100, such as 8%, got '101%'"],
    [['--portion', '0%'], "--portion takes a percentage above 0 and up to 100, such as 8%, got '0%'"],
    [
      ['--for', '0'],
      "--for takes a duration above 0: seconds, or a number with s, m, h, d or w behind it, such as 2h, got '0'",
    ],
    [
      ['--rate', '0'],
      /^vouch: --rate takes bytes a second above 0, such as 40MB\/s, 40M or 512Ki: .+, got '0'\n$/,
    ],
    [['--max-age', 'soon'], /^vouch: --max-age takes a whole number of seconds, .+, got 'soon'\n$/],
    [['docs/'], "verify takes only options, got 'docs/'; see 'vouch verify --help'"],
  ])('refuses %j in one line', async (args, message) => {
    const { status, stderr } = await createStageWith(FILES).run(['verify', ...args, ...FLAGS])
    expect(status).toBe(2)
    if (typeof message === 'string') expect(stderr).toBe(`vouch: ${message}\n`)
    else expect(stderr).toMatch(message)
  })

  it('finds a copy whose bytes changed, though neither its size nor its time of modification', async () => {
    const { cwd, run } = createStageWith(FILES)
    const path = join(cwd, 'b/file2')
    utimesSync(path, 1e9, 1e9)
    expect((await run(['verify', ...FLAGS])).status).toBe(0)
    const bytes = readFileSync(path)
    bytes[0] = 0
    writeFileSync(path, bytes)
    utimesSync(path, 1e9, 1e9)
    expect(await run(['verify', ...FLAGS])).toMatchObject({ status: 1, stdout: '* file2\n' })
  })
})
