import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { SUITES, toPage } from './worlds/table.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

describe('the table of hosts and stores', () => {
  it('has every suite that holds a storage or a world, and none that is not there', () => {
    const files = globSync('{functions,runtime,emulator}/**/*.test.ts', { cwd: ROOT })
    const holding = files.filter((file) =>
      /^ *describe(Storage|Reading|Scenarios|Processes)\(/m.test(readFileSync(join(ROOT, file), 'utf8')),
    )
    expect(holding.length).toBeGreaterThan(10)
    expect(holding.filter((file) => !SUITES.includes(file))).toEqual([])
    expect(SUITES.filter((file) => !files.includes(file))).toEqual([])
  })

  it('counts what a run came to, and says what of it failed, or was not run', () => {
    const statuses = (...all: string[]) => all.map((status) => ({ status }))
    const page = toPage(
      {
        testResults: [
          {
            name: join(ROOT, 'functions/storage/memory.test.ts'),
            assertionResults: statuses('passed', 'passed', 'failed', 'skipped'),
          },
          {
            name: join(ROOT, 'emulator/scenarios/in-process.test.ts'),
            assertionResults: statuses('passed'),
          },
          { name: join(ROOT, 'functions/replica/remote.test.ts'), assertionResults: [] },
        ],
      },
      ['1', '2'],
    )
    expect(page).toContain('`functions/storage/memory.test.ts` 2, 1 failed, 1 not run<br>')
    expect(page).toContain('<br>`emulator/scenarios/in-process.test.ts` 1 |')
    expect(page).toContain('`functions/replica/remote.test.ts` not run |')
    expect(page).toContain('| cannot: its threads share no open files |')
  })
})
