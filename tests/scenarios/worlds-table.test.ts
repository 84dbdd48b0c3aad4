import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { SUITES, toPage } from '../worlds/table.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

describe('the table of hosts and stores', () => {
  it('lists every suite of a storage or a host, and no other files', () => {
    // The storage of tests/package is an example, not a store.
    const files = globSync('{functions,runtime,emulator,tests}/**/*.test.ts', {
      cwd: ROOT,
      exclude: ['**/node_modules', 'tests/package'],
    })
    const holding = files.filter((file) =>
      /^ *describe(Storage|Reading|Scenarios|Processes)\(/m.test(readFileSync(join(ROOT, file), 'utf8')),
    )
    expect(holding.length).toBeGreaterThan(10)
    expect(holding.filter((file) => !SUITES.includes(file))).toEqual([])
    expect(SUITES.filter((file) => !files.includes(file))).toEqual([])
  })

  it('counts the results of a run, and lists failed and skipped suites', () => {
    const statuses = (...all: string[]) => all.map((status) => ({ status }))
    const page = toPage(
      {
        testResults: [
          {
            name: join(ROOT, 'functions/storage/memory.test.ts'),
            assertionResults: statuses('passed', 'passed', 'failed', 'skipped'),
          },
          {
            name: join(ROOT, 'tests/scenarios/in-process.test.ts'),
            assertionResults: statuses('passed'),
          },
          { name: join(ROOT, 'functions/replica/remote.test.ts'), assertionResults: [] },
        ],
      },
      ['1', '2'],
    )
    expect(page).toContain('`functions/storage/memory.test.ts` 2, 1 failed, 1 not run<br>')
    expect(page).toContain('<br>`tests/scenarios/in-process.test.ts` 1 |')
    expect(page).toContain('`functions/replica/remote.test.ts` not run |')
    expect(page).toContain('| cannot: its threads share no open files |')
  })
})
