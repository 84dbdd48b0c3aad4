import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createMemoryStorage } from '../../../../functions/storage/memory.ts'
import { createStageWith, startCoordinator, toReplicaFlags } from '../../stage.suite.ts'

const FLAGS = toReplicaFlags('a', 'b')
const FILES = { 'a/same': 'same', 'b/same': 'same', 'a/differs': 'one', 'b/differs': 'other', 'a/only': 'x' }
/** A local time, which differs from run to run. */
const TIME = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d/g
const hide = (text: string) => text.replaceAll(TIME, 'TIME')

describe('vouch status', () => {
  it('reports trouble before the first check', async () => {
    const { run } = createStageWith(FILES)
    const { status, stdout } = await run(['status', ...FLAGS])
    expect([status, stdout]).toEqual([
      2,
      'never checked: vouch check compares all names\na: answers\nb: answers\n',
    ])
  })

  it('shows what the last check found, what is new since the one before, and what each replica held', async () => {
    const { cwd, run } = createStageWith(FILES)
    await run(['check', ...FLAGS])
    writeFileSync(join(cwd, 'b/only'), 'x')
    writeFileSync(join(cwd, 'a/new'), 'new')
    const checked = await run(['check', ...FLAGS])
    expect(hide(checked.stderr)).toContain('\n1 new since TIME, 1 settled\n')
    const { status, stdout } = await run(['status', ...FLAGS])
    expect(hide(stdout).split('\n')).toEqual([
      'checked TIME: 4 names: 2 the same everywhere, 1 differ, 1 missing on b',
      '  1 new since TIME, 1 settled',
      '  2 names differ by the last check of each',
      'a: answers; then 4 names, 11 B; 1 differ',
      'b: answers; then 3 names, 10 B; 1 differ; 1 missing',
      '',
    ])
    expect(status).toBe(1)
  })

  it('exits with 0 once all are the same', async () => {
    const { run } = createStageWith({ 'a/same': 'same', 'b/same': 'same' })
    await run(['check', ...FLAGS])
    expect((await run(['status', ...FLAGS])).status).toBe(0)
  })

  it('prints all of it as one object with --json', async () => {
    const { run } = createStageWith(FILES)
    await run(['check', ...FLAGS])
    const { stdout } = await run(['status', '--json', ...FLAGS])
    expect(JSON.parse(stdout)).toMatchObject({
      last: { prefix: '', summary: { names: 3 } },
      unended: null,
      differing: { conflict: 1, incomplete: 1 },
      replicas: [
        { id: 'a', state: 'ok', states: { differ: 1, match: 1 } },
        { id: 'b', state: 'ok', states: { differ: 1, missing: 1 } },
      ],
    })
  })

  it('keeps a ledger for each set of replicas', async () => {
    const { run } = createStageWith({ ...FILES, 'c/same': 'same' })
    await run(['check', ...FLAGS])
    expect((await run(['status', ...toReplicaFlags('a', 'c')])).stdout).toMatch(/^never checked/)
  })

  it('names a damaged ledger, which nothing removes, and checks without it', async () => {
    const { cwd, run, files, write } = createStageWith(FILES)
    await run(['check', ...FLAGS])
    const [name = ''] = listLedgers(join(cwd, 'index'))
    for (const suffix of ['-wal', '-shm']) rmSync(join(cwd, 'index', name + suffix), { force: true })
    write({ [`index/${name}`]: 'no ledger' })
    expect(files()).toContain('index')
    const checked = await run(['check', ...FLAGS])
    expect(checked.status).toBe(1)
    expect(checked.stderr).toMatch(
      /^warning: the ledger \S+ cannot be used \(.+\); move it away to begin a new one; audits are not recorded/m,
    )
    const { status, stderr } = await run(['status', ...FLAGS])
    expect(status).toBe(2)
    expect(stderr).toMatch(/the ledger cannot be read/)
  })

  it('reports trouble with a coordinator that keeps no ledger', async () => {
    const flags = await startCoordinator({ a: createMemoryStorage(), b: createMemoryStorage() })
    const { run } = createStageWith({})
    const { status, stderr } = await run(['status', ...flags])
    expect(status).toBe(2)
    expect(stderr).toBe(
      'vouch: This coordinator keeps no ledger: this coordinator does not record what its audits find\n',
    )
  })
})

describe('vouch history', () => {
  it('prints what checks found of a name, and since when', async () => {
    const { cwd, run } = createStageWith(FILES)
    const ask = async (name: string) => await run(['history', name, ...FLAGS])
    expect((await ask('only')).stdout).toBe('only: no check has compared this name yet\n')
    await run(['check', ...FLAGS])
    expect(await ask('only')).toMatchObject({ status: 1 })
    writeFileSync(join(cwd, 'b/only'), 'x')
    await run(['check', ...FLAGS])
    const { status, stdout } = await ask('only')
    expect(hide(stdout)).toBe(
      'TIME  a: 2d711642b726; missing on b\nTIME  the same everywhere again, or gone\n',
    )
    expect(status).toBe(0)
    expect(hide((await ask('differs')).stdout)).toBe('TIME  a: 7692c3ad3540; b: d9298a10d1b0\n')
    expect(hide((await ask('same')).stdout)).toBe('same: no check since TIME found its copies to differ\n')
  })
})

function listLedgers(directory: string): string[] {
  return readdirSync(directory).filter((name) => /^ledger-[0-9a-f]{32}\.sqlite$/.test(name))
}
