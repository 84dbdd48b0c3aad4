import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { finish, startVouch } from '../process.suite.ts'
import { createStageWith, type Files, type Stage, toReplicaFlags } from '../stage.suite.ts'

const SOURCE = toReplicaFlags('a', 'b')

/** Folders that are missing whole, renamed files, differences: each over several parts. */
function toFiles(): Files {
  const files: Record<string, string> = {}
  for (let i = 0; i < 60; i++) {
    const name = `${['d', 'e/f', 'g', 'h/i'][Math.floor(i / 15)]}/${String(i).padStart(2, '0')}`
    files[`a/${name}`] = `content ${i}`
    const isMissing = i >= 15 && i < 30
    if (!isMissing) files[`b/${i === 3 ? 'renamed' : name}`] = i % 20 === 7 ? `other ${i}` : `content ${i}`
  }
  return { ...files, 'b/new/1': 'x', 'b/new/2': 'y' }
}

interface Checked {
  readonly stage: Stage
  readonly paths: readonly string[]
}

/** Checks each part, in `--json`, into a file of its own. */
async function checkParts(stage: Stage, of: number, ...args: string[]): Promise<Checked> {
  const paths = Array.from({ length: of }, (_, i) => `part-${i + 1}.ndjson`)
  for (const [i, path] of paths.entries()) {
    const part = ['--part', `${i + 1}/${of}`, '--json', ...args]
    const { stdout, status, stderr } = await stage.run(['check', ...part, ...SOURCE])
    expect([0, 1], stderr).toContain(status)
    writeFileSync(join(stage.cwd, path), stdout)
  }
  return { stage, paths }
}

/** Without what depends on when it was read: files that are new are read again. */
function withoutTimes(text: string): string {
  return text
    .replaceAll(/"(age|oldest|read|remembered)":(\d+|null)/g, '"$1":0')
    .replaceAll(/"evidence":"(read|remembered)"/g, '"evidence":""')
    .replaceAll(/"(began|since)":"[^"]*"/g, '"$1":""')
    .replaceAll(/"changes":\{[^}]*\},|"marks":\[[^\]]*\],/g, '')
    .replaceAll(/^(evidence:|nothing new since) .*\n/gm, '')
}

async function expectWhole({ stage, paths }: Checked, ...args: string[]): Promise<void> {
  const whole = await stage.run(['check', ...SOURCE, ...args])
  const merged = await stage.run(['merge', ...paths.toReversed(), ...args])
  expect(withoutTimes(merged.stdout)).toBe(withoutTimes(whole.stdout))
  expect(withoutTimes(merged.stderr)).toBe(withoutTimes(whole.stderr))
  expect(merged.status).toBe(whole.status)
}

/** The lines of a file, changed. */
function edit(stage: Stage, path: string, change: (lines: string[]) => string[]): string {
  const lines = readFileSync(join(stage.cwd, path), 'utf8').split('\n').slice(0, -1)
  writeFileSync(
    join(stage.cwd, 'edited.ndjson'),
    change(lines)
      .map((line) => `${line}\n`)
      .join(''),
  )
  return 'edited.ndjson'
}

async function refuse({ stage, paths }: Checked, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await stage.run(['merge', ...paths, ...args])
  expect([status, stdout]).toEqual([2, ''])
  return stderr
}

describe('vouch merge', () => {
  it.each([2, 4, 7])('prints what one check prints, of %i parts in any order', async (of) => {
    const stage = createStageWith(toFiles())
    await stage.run(['check', ...SOURCE])
    const checked = await checkParts(stage, of)
    for (const args of [[], ['--json'], ['--no-roll-up'], ['--one-way'], ['--one-way', '--json']])
      await expectWhole(checked, ...args)
  })

  it('prints every name of parts that have every name, and refuses others', async () => {
    const stage = createStageWith(toFiles())
    await stage.run(['check', ...SOURCE])
    const all = await checkParts(stage, 3, '--all')
    for (const args of [['--all'], ['--all', '--json'], []]) await expectWhole(all, ...args)
    const some = await checkParts(stage, 3)
    expect(await refuse(some, '--all')).toContain(
      'lacks the names that are the same; check that part with --all',
    )
  })

  it('makes a result that can be merged no more, and be split at', async () => {
    const { stage, paths } = await checkParts(createStageWith(toFiles()), 3)
    const { stdout } = await stage.run(['merge', ...paths, '--json'])
    writeFileSync(join(stage.cwd, 'whole.ndjson'), stdout)
    await expectWhole({ stage, paths: ['whole.ndjson'] })
    expect(await refuse({ stage, paths: ['whole.ndjson', 'part-2.ndjson'] })).toContain('overlap')
  })

  it('prints of parts with prefix and globs what one check of these prints', async () => {
    const stage = createStageWith(toFiles())
    await stage.run(['check', ...SOURCE])
    const globs = ['--match', '*[0-9]', '--match', '**/*1*', '--exclude', '*5']
    const checked = await checkParts(stage, 3, 'e/', ...globs)
    const whole = await stage.run(['check', 'e/', ...globs, ...SOURCE])
    const merged = await stage.run(['merge', ...checked.paths])
    expect([merged.status, merged.stdout]).toEqual([whole.status, whole.stdout])
  })

  it('refuses a gap, an overlap, and the same part twice, in any place', async () => {
    const { stage, paths } = await checkParts(createStageWith(toFiles()), 4)
    for (const [i, path] of paths.entries()) {
      const others = paths.filter((one) => one !== path)
      expect(await refuse({ stage, paths: others })).toMatch(/there is a gap: no file has the names/)
      expect(await refuse({ stage, paths: [...paths, path] }), `${i}`).toMatch(/overlap/)
    }
    const { stdout } = await stage.run(['check', '--after', 'e/f/20', '--json', ...SOURCE])
    writeFileSync(join(stage.cwd, 'other.ndjson'), stdout)
    expect(await refuse({ stage, paths: [...paths.slice(0, 2), 'other.ndjson'] })).toMatch(/overlap|gap/)
  })

  it('refuses a part that broke off at any byte', async () => {
    const { stage, paths } = await checkParts(createStageWith(toFiles()), 2)
    const [first = '', second = ''] = paths
    const bytes = readFileSync(join(stage.cwd, second))
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: bytes.length - 1 }), async (end) => {
        writeFileSync(join(stage.cwd, 'cut.ndjson'), bytes.subarray(0, end))
        expect(await refuse({ stage, paths: [first, 'cut.ndjson'] })).toMatch(/is not finished|not valid/)
      }),
      { numRuns: 30 },
    )
  })

  it('refuses what is not the output of one part', async () => {
    const { stage, paths } = await checkParts(createStageWith(toFiles()), 2)
    const [first = '', second = ''] = paths
    const changed = (change: (lines: string[]) => string[]) =>
      refuse({ stage, paths: [edit(stage, first, change), second] })
    expect(await changed((lines) => lines.slice(1))).toContain('and its summary counts')
    expect(await changed((lines) => lines.toReversed())).toContain('goes on after its summary')
    expect(await changed(([a = '', b = '', ...rest]) => [b, a, ...rest])).toContain('out of order')
    expect(await changed((lines) => [...lines, ...lines])).toContain('goes on after its summary')
    expect(await changed(() => ['{}'])).toContain('is not the output of vouch check --json: line 1')
    expect(await refuse({ stage, paths: ['none.ndjson'] })).toContain("cannot read 'none.ndjson'")
    expect(await refuse({ stage, paths: [] })).toContain('got none')
  })

  it('refuses parts of other replicas, prefixes and globs', async () => {
    const { stage, paths } = await checkParts(createStageWith({ ...toFiles(), 'c/d/00': '1' }), 2)
    const [first = '', second = ''] = paths
    const after = JSON.parse(readFileSync(join(stage.cwd, second), 'utf8').split('\n').at(-2) ?? '').summary
      .scope.after
    const others: [string[], string][] = [
      [toReplicaFlags('a', 'c'), 'compared other replicas than'],
      [['g/', ...SOURCE], 'has another prefix than'],
      [['--exclude', '*1', ...SOURCE], 'has other globs than'],
    ]
    for (const [args, words] of others) {
      const { stdout } = await stage.run(['check', '--json', '--after', after, ...args])
      writeFileSync(join(stage.cwd, 'other.ndjson'), stdout)
      expect(await refuse({ stage, paths: [first, 'other.ndjson'] })).toContain(words)
    }
  })

  it('refuses a part that ended before its range did', async () => {
    const { stage, paths } = await checkParts(createStageWith(toFiles()), 2)
    const [first = '', second = ''] = paths
    const early = edit(stage, first, (lines) => [
      ...lines.slice(0, -1),
      (lines.at(-1) ?? '').replace(/"next":"[^"]*"/, '"next":"zzz"'),
    ])
    expect(await refuse({ stage, paths: [early, second] })).toContain('ended before its range did')
  })
})

describe('a folder that cannot be read', () => {
  it('is counted once, although it goes on in the next part', async () => {
    const stage = createStageWith(toFiles())
    const parts = [
      ['--until', 'e/f/20'],
      ['--after', 'e/f/20'],
    ]
    const lines = await Promise.all(
      parts.map(async (args) => (await stage.run(['check', '--json', ...args, ...SOURCE])).stdout),
    )
    // As a part reports it that this user may not read: before its own names.
    const failed = {
      ...{ name: 'e/', agreement: 'unknown', versions: [] },
      replicas: [
        { id: 'a', state: 'error', error: 'internal_error', detail: 'no' },
        { id: 'b', state: 'missing' },
      ],
    }
    const paths = lines.map((text, i) => {
      const [summary = '', ...rest] = text.split('\n').slice(0, -1).toReversed()
      const ended = JSON.parse(summary)
      ended.summary.agreements.unknown = 1
      ended.summary.agreement = 'degraded'
      ended.summary.names++
      ended.summary.replicas[0].seen.names++
      const own = [JSON.stringify(failed), ...rest.toReversed()].map((line) => JSON.parse(line))
      own.sort((one, other) => (one.name < other.name ? -1 : 1))
      writeFileSync(
        join(stage.cwd, `${i}`),
        [...own, ended].map((line) => `${JSON.stringify(line)}\n`).join(''),
      )
      return `${i}`
    })
    const { stdout, status } = await stage.run(['merge', ...paths, '--json'])
    const merged = stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
    expect(status).toBe(2)
    expect(merged.filter(({ name }) => name === 'e/')).toHaveLength(1)
    expect(merged.at(-1).summary).toMatchObject({ agreements: { unknown: 1 }, names: 64 })
    expect(merged.at(-1).summary.replicas[0].seen.names).toBe(61)
  })
})

describe('vouch check --jobs', () => {
  async function runJobs(stage: Stage, ...args: string[]) {
    return await finish(startVouch(['check', ...SOURCE, ...args], stage.cwd))
  }

  it.each([[[]], [['--json']], [['--all', '--no-roll-up']], [['--one-way', 'e/']]])(
    'prints what one process prints: %j',
    async (args) => {
      const stage = createStageWith(toFiles())
      await runJobs(stage)
      const whole = await runJobs(stage, ...args)
      const jobs = await runJobs(stage, '--jobs', '3', ...args)
      expect(jobs.status).toBe(whole.status)
      expect(jobs.said.map(withoutTimes)).toEqual(whole.said.map(withoutTimes))
    },
    120_000,
  )

  it('ends with the words of a part that cannot be checked, and refuses more parts than names', async () => {
    const stage = createStageWith(toFiles())
    const few = await runJobs(stage, '--jobs', '3', 'd/00')
    expect(few).toMatchObject({ status: 2, said: ['', expect.stringContaining('too few names for 3 parts')] })
  }, 60_000)
})
