import { statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { describeLedger } from '../../../functions/coordinator/ledger/ledger.suite.ts'
import { LEDGER_PAGE } from '../../../functions/wire/limits.ts'
import type { Manifest } from '../../../functions/wire/schemas/manifest.ts'
import { loadSqlite } from '../sqlite/sqlite.ts'
import { useTemporaryDirectory } from '../temporary-directory.suite.ts'
import { openSqliteLedger } from './sqlite-ledger.ts'

describeLedger('a ledger in SQLite', () => {
  const ledger = openSqliteLedger(join(useTemporaryDirectory(), 'ledger.sqlite'))
  onTestFinished(() => ledger.close())
  return ledger
})

describe('the file of a ledger', () => {
  const scope = { prefix: '', match: [], exclude: [] }

  it('is readable by its owner alone, and is there again when it is opened again', async () => {
    const path = join(useTemporaryDirectory(), 'new/ledger.sqlite')
    const first = openSqliteLedger(path)
    await first.begin(scope, 0)
    first.close()
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const second = openSqliteLedger(path)
    expect((await second.status()).unended?.began).toBe('1970-01-01T00:00:00.000Z')
    second.close()
  })

  it('is refused when a later version of vouch has written it', () => {
    const path = join(useTemporaryDirectory(), 'ledger.sqlite')
    openSqliteLedger(path).close()
    const db = new (loadSqlite().DatabaseSync)(path)
    db.exec('PRAGMA user_version = 99')
    db.close()
    expect(() => openSqliteLedger(path)).toThrow(
      `the ledger ${path} cannot be used (it was written by a later version of vouch, in form 99 of which this one knows 1 to 4)`,
    )
  })

  it('of an earlier form is brought up, and keeps what it holds', async () => {
    const path = join(useTemporaryDirectory(), 'ledger.sqlite')
    const first = openSqliteLedger(path)
    await first.begin(scope, 0)
    first.close()
    const db = new (loadSqlite().DatabaseSync)(path)
    for (const table of ['runs', 'steps']) db.exec(`DROP TABLE ${table}`)
    db.exec('ALTER TABLE audits DROP COLUMN verifies')
    db.exec('DROP TABLE trees')
    db.exec('PRAGMA user_version = 1')
    db.close()
    const second = openSqliteLedger(path)
    await second.begin({ ...scope, isVerification: true }, 1)
    expect((await second.status()).unended?.began).toBe('1970-01-01T00:00:00.000Z')
    expect(await second.trees(1)).toEqual([])
    second.close()
  })

  it('takes the audits of several processes at once', async () => {
    const path = join(useTemporaryDirectory(), 'ledger.sqlite')
    const [first, second] = [openSqliteLedger(path), openSqliteLedger(path)]
    const numbers = await Promise.all([first, second, first].map((ledger) => ledger.begin(scope, 0)))
    expect(new Set(numbers).size).toBe(3)
    first.close()
    second.close()
  })

  it('settles more names than it reads at a time', async () => {
    const ledger = openSqliteLedger(join(useTemporaryDirectory(), 'ledger.sqlite'))
    onTestFinished(() => ledger.close())
    const toManifest = (i: number): Manifest => ({
      ...{ name: `name ${i}`, agreement: 'incomplete', versions: [] },
      replicas: [{ id: 'a', state: 'missing' }],
    })
    const summary = { agreement: 'incomplete', names: 0, agreements: {}, rotten: 0, replicas: [] } as const
    for (const names of [2 * LEDGER_PAGE + 5, 0]) {
      const audit = await ledger.begin(scope, 0)
      await ledger.note(
        audit,
        Array.from({ length: names }, (_, i) => toManifest(i)),
      )
      const changes = await ledger.end(audit, 0, { ...summary, replicas: [] })
      if (names === 0) expect(changes?.settled).toBe(2 * LEDGER_PAGE + 5)
    }
  })
})
