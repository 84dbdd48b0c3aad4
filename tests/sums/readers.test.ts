import { spawnSync } from 'node:child_process'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createStageWith, type Stage, toReplicaFlags } from '../../runtime/cli/stage.suite.ts'
import { AWKWARD, toContents } from './names.suite.ts'

/** Two directories with files of these names, and the list of what is in both. */
async function createListed(format: string, names: readonly string[]): Promise<Stage> {
  const contents = Object.entries(toContents(names))
  const stage = createStageWith(
    Object.fromEntries(['a', 'b'].flatMap((id) => contents.map(([name, text]) => [`${id}/${name}`, text]))),
  )
  const args = ['sums', '--format', format, '-o', 'list', ...toReplicaFlags('a', 'b')]
  expect(await stage.run(args)).toMatchObject({ status: 0, stdout: '' })
  return stage
}

/** Runs a reader in the first directory; its exit status, and all that it prints. */
function read(stage: Stage, program: string, ...args: string[]) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: join(stage.cwd, 'a'),
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  })
  if (error) throw error
  return { status, said: stdout + stderr }
}

/** Other bytes of the same number in one file. */
function change(stage: Stage, name: string): void {
  writeFileSync(join(stage.cwd, 'a', name), stage.read(`a/${name}`).replace('content', 'kontent'))
}

function remove(stage: Stage, name: string): void {
  rmSync(join(stage.cwd, 'a', name))
}

/** Perl's shasum does not read the escape of a carriage return. */
const OF_SHASUM = AWKWARD.filter((name) => !name.includes('\r'))
/** Neither does rhash, which also drops blanks and an asterisk in front of a name, and blanks behind it. */
const OF_RHASH = OF_SHASUM.filter((name) => !/^[ \t*]|[ \t]$/.test(name))
/** A list of hashdeep cannot carry the others. */
const OF_HASHDEEP = AWKWARD.filter((name) => !/\n|\r$/.test(name))

describe.each(['gnu', 'tag'])('a list in the format %s', (format) => {
  it('is read by sha256sum with every awkward name, and a changed and a missing file are told', async () => {
    const stage = await createListed(format, AWKWARD)
    const check = () => read(stage, 'sha256sum', '-c', '--strict', '--quiet', '../list')
    expect(check()).toEqual({ status: 0, said: '' })
    change(stage, ' lead')
    remove(stage, '-')
    const { status, said } = check()
    expect(status).toBe(1)
    expect(said).toMatch(/^ lead: FAILED$/m)
    expect(said).toContain('1 listed file could not be read')
    expect(said).toContain('1 computed checksum did NOT match')
  })

  it('is read by shasum but for names with a carriage return, which it reports', async () => {
    const stage = await createListed(format, AWKWARD)
    const { status, said } = read(stage, 'shasum', '-c', '--strict', '../list')
    expect(status).toBe(1)
    expect(said.match(/: OK$/gm)).toHaveLength(OF_SHASUM.length)
    expect(said).toContain(`${AWKWARD.length - OF_SHASUM.length} listed files could not be read`)
  })

  it('is read by rhash but for names that it trims or that have a carriage return, which it reports', async () => {
    const stage = await createListed(format, AWKWARD)
    const lost = AWKWARD.length - OF_RHASH.length
    expect(read(stage, 'rhash', '-c', '../list')).toEqual({
      status: 1,
      said: expect.stringMatching(new RegExp(`Miss:${lost} +Success:${OF_RHASH.length} `)),
    })
  })

  it('without such names is read whole by all three', async () => {
    const stage = await createListed(format, OF_RHASH)
    expect(read(stage, 'sha256sum', '-c', '--strict', '../list').status).toBe(0)
    expect(read(stage, 'shasum', '-c', '--strict', '../list').status).toBe(0)
    expect(read(stage, 'rhash', '-c', '../list')).toEqual({
      status: 0,
      said: expect.stringContaining('Everything OK'),
    })
  })
})

it.each([
  ['gnu', AWKWARD],
  ['tag', AWKWARD],
  ['hashdeep', OF_HASHDEEP],
])(
  'a list in the format %s is a replica of ours that agrees, and tells a changed and a missing file',
  async (format, names) => {
    const stage = await createListed(format, names)
    renameSync(join(stage.cwd, 'list'), join(stage.cwd, 'SHA256SUMS'))
    const check = () => stage.run(['check', '--replica', 'now=a', '--replica', 'then=manifest:SHA256SUMS'])
    const whole = await check()
    expect([whole.status, whole.stdout]).toEqual([0, ''])
    expect(whole.stderr).toContain(`${names.length} names: ${names.length} the same everywhere`)
    change(stage, ' lead')
    remove(stage, 'com,ma')
    expect(await check()).toMatchObject({ status: 1, stdout: '*  lead\n- com,ma\n' })
  },
)

describe('a list in the format hashdeep', () => {
  it('passes an audit of hashdeep; a changed, a missing and a surplus file are told', async () => {
    const stage = await createListed('hashdeep', OF_HASHDEEP)
    const audit = () => read(stage, 'hashdeep', '-c', 'sha256', '-r', '-l', '-a', '-vv', '-k', '../list', '.')
    const { status, said } = audit()
    expect([status, said]).toEqual([0, expect.stringContaining('Audit passed')])
    expect(said).toMatch(new RegExp(`Files matched: ${OF_HASHDEEP.length}$`, 'm'))
    change(stage, 'com,ma')
    remove(stage, '%%%% x')
    stage.write({ 'a/surplus': 'not on the list' })
    const after = audit()
    expect(after.status).toBe(1)
    expect(after.said).toContain('Audit failed')
    expect(after.said).toMatch(/^\.\/surplus: No match$/m)
    expect(after.said).toMatch(/^\.\/%%%% x: Known file not used$/m)
    expect(after.said).toMatch(/^\.\/com,ma: No match$/m)
  })

  it.each(AWKWARD.filter((name) => !OF_HASHDEEP.includes(name)))(
    'is refused for the name %j',
    async (name) => {
      const stage = createStageWith({ [`a/${name}`]: '' })
      const args = ['sums', '--format', 'hashdeep', '--single', ...toReplicaFlags('a')]
      const { status, stdout, stderr } = await stage.run(args)
      expect([status, stdout]).toEqual([2, ''])
      expect(stderr).toContain('a list of this format cannot carry the name ')
    },
  )
})
