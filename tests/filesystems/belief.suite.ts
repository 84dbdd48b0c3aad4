import { beforeAll, describe, expect, it } from 'vitest'
import { type Case, toCases } from './cases.ts'
import { FILE_SYSTEMS, type FileSystem } from './file-systems.ts'
import { type History, LONG, QUIET, runHistory, type Seen } from './history.ts'
import { requirePackages, WRITER_PACKAGES } from './requirements.ts'

/** Whether a read may give the bytes before the last change. */
function mayBeStale({ stale }: FileSystem, { suffix, isBehind }: Case, { moment }: Seen): boolean {
  if (stale === 'by link') return suffix !== undefined && moment !== 'cache dropped'
  return stale === 'behind' && isBehind === true
}

describe.concurrent.each(FILE_SYSTEMS)('$name', (system) => {
  let history: History
  beforeAll(async () => {
    await requirePackages([...WRITER_PACKAGES, ...system.packages])
    history = await runHistory(system)
  }, 600_000)

  for (const one of toCases(system)) {
    if (one.needs !== undefined && system.lacks.includes(one.needs)) {
      it(`refuses what makes a file ${one.title}`, () => {
        expect(history.refused.get(one.name)).toMatch(/\w/)
      })
      continue
    }
    it(`answers with the digest of the bytes of a file that is ${one.title}`, () => {
      expect(history.refused.get(one.name)).toBeUndefined()
      const seen = history.seen.get(one.name) ?? []
      for (const [at, answered] of seen.entries())
        expectTrue(system, one, answered, `${at}: ${answered.moment}`)
    })
  }

  it('answers with the digest of the bytes once one long call of write(2) is over', () => {
    for (const { moment, digest, written, agreement } of history.seen.get(LONG) ?? []) {
      // rclone moves the times of a file that waits for its upload each time it is read, which is then an
      // error.
      const mayFail = moment === 'at once' || system.stale === 'behind'
      if (moment === 'inside' || (mayFail && isError(digest))) continue
      expect(digest, moment).toBe(written)
      expect(agreement, moment).toBe(moment === 'unchanged' ? 'unanimous' : 'conflict')
    }
  })

  it(`${system.remembers ? 'remembers the digest of' : 'reads for each answer'} a file that does not change`, () => {
    const seen = history.seen.get(QUIET) ?? []
    expect(new Set(seen.map(({ digest }) => digest)).size).toBe(1)
    expect(seen.map(({ agreement }) => agreement)).toEqual(seen.map(() => 'unanimous'))
    const evidence = seen.slice(1).map(({ evidence }) => evidence)
    expect(evidence).toEqual(evidence.map(() => (system.remembers ? 'remembered' : 'read')))
  })
})

/** A refusal to answer, such as that the file changed meanwhile. */
function isError(digest: string): boolean {
  return !/^[0-9a-f]{64}$/.test(digest)
}

function expectTrue(system: FileSystem, one: Case, seen: Seen, when: string): void {
  const { digest, read, written, isChanged, agreement } = seen
  if (one.mayFail && isError(digest)) {
    expect(agreement, when).not.toBe('unanimous')
    return
  }
  if (!one.mayFail) expect(digest, when).toBe(read)
  if (one.isOpaque || mayBeStale(system, one, seen)) return
  expect(digest, when).toBe(written)
  expect(agreement, when).toBe(isChanged ? 'conflict' : 'unanimous')
}
