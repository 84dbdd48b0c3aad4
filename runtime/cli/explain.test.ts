import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createStage, hash, type Stage, startScript } from './stage.suite.ts'

const MIB = 1024 * 1024

/** Writes files, by `replica/name`. */
function write({ cwd }: Stage, files: Record<string, string | Uint8Array>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, path)), { recursive: true })
    writeFileSync(join(cwd, path), content)
  }
}

function explain(stage: Stage, ids: readonly string[], ...args: string[]) {
  const replicas = ids.flatMap((id) => ['--replica', `${id}=${id}`])
  return stage.run(['explain', ...args, ...replicas, '--index', 'index'])
}

describe('vouch explain', () => {
  it('shows what each holds and since when, where they begin to differ, and how', async () => {
    const stage = createStage()
    write(stage, { 'a/x/t': 'one\ntwo\nthree\n', 'b/x/t': 'one\n2\nthree\n' })
    utimesSync(join(stage.cwd, 'a/x/t'), 1000, 1000)
    utimesSync(join(stage.cwd, 'b/x/t'), 2000, 2000)
    const { status, stdout } = await explain(stage, ['a', 'b'], 'x/t')
    expect(status).toBe(1)
    expect(stdout).toBe(
      `x/t: conflict
  a  A  14 B  1970-01-01T00:16:40.000Z  ${hash('one\ntwo\nthree\n').slice(0, 12)}
  b  B  12 B  1970-01-01T00:33:20.000Z (newest)  ${hash('one\n2\nthree\n').slice(0, 12)}
B against A: the first byte that differs is at offset 4, in line 2
--- a/x/t
+++ b/x/t
@@ -1,3 +1,3 @@
 one
-two
+2
 three
`,
    )
  })

  it('counts the holders of each version where there are more than two replicas', async () => {
    const stage = createStage()
    write(stage, { 'a/t': '1', 'b/t': '2', 'c/t': '2', 'd/u': '' })
    const { stdout } = await explain(stage, ['a', 'b', 'c'], 't')
    expect(stdout).toContain('\nA: 1 of 3 (a)\nB: 2 of 3 (b, c), the majority\n')
    expect((await explain(stage, ['a', 'b', 'c', 'd'], 't')).stdout).toContain('\nB: 2 of 4 (b, c)\n')
  })

  it('finds a byte late in large files, and tells of bytes without lines or a diff', async () => {
    const stage = createStage()
    const large = Buffer.alloc(5 * MIB, '\xff', 'latin1')
    const other = Buffer.from(large)
    other[4 * MIB + 7] = 1
    write(stage, {
      'a/x': large,
      'b/x': other,
      'a/y': large,
      'b/y': Buffer.concat([large, Buffer.from('!')]),
    })
    expect((await explain(stage, ['a', 'b'], 'x')).stdout).toMatch(
      /\nB against A: the first byte that differs is at offset 4,194,311\n$/,
    )
    expect((await explain(stage, ['a', 'b'], 'y')).stdout).toMatch(
      /\nB against A: A ends at offset 5,242,880, and is alike until there\n$/,
    )
  })

  it('lets nothing in a name or a text reach the terminal', async () => {
    const stage = createStage()
    write(stage, { 'a/\x1b[31m': 'red\x1b[31m\r\n', 'b/\x1b[31m': 'blue\x07\u202e\n' })
    const { stdout } = await explain(stage, ['a', 'b'], '\x1b[31m')
    expect(stdout).toMatch(/^[ -~\n\t≠]*$/)
    expect(stdout).toContain('-red\\u{1b}[31m\\u{d}\n+blue\\u{7}\\u{202e}\n')
  })

  it.each([
    ['are alike', { 'a/t': '1', 'b/t': '1' }, 0, 't: unanimous\n'],
    ['are lacking', { 'a/t': '1', 'b/u': '1' }, 1, '\n  b  missing\n'],
    ['are nowhere', { 'a/u': '1', 'b/u': '1' }, 2, 't: absent\n'],
  ])('exits as diff does where copies %s', async (_, files, expected, text) => {
    const stage = createStage()
    write(stage, files)
    const { status, stdout } = await explain(stage, ['a', 'b'], 't')
    expect([status, stdout]).toEqual([expected, expect.stringContaining(text)])
  })

  it('tells of a replica that does not answer, and exits with 2', async () => {
    const stage = createStage()
    write(stage, { 'a/t': '1' })
    const args = ['explain', 't', '--replica', 'a=a', '--replica', 'b=http://127.0.0.1:1', '--index', 'index']
    const { status, stdout } = await stage.run(args)
    expect([status, stdout]).toEqual([2, expect.stringContaining('\n  b  connection refused\n')])
  })

  it('prints one object for programs', async () => {
    const stage = createStage()
    write(stage, { 'a/t': 'x1', 'b/t': 'x2' })
    const { stdout } = await explain(stage, ['a', 'b'], 't', '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      name: 't',
      agreement: 'conflict',
      replicas: [
        { id: 'a', state: 'differ', version: hash('x1'), size: 2 },
        { id: 'b', state: 'differ', version: hash('x2'), size: 2 },
      ],
      versions: [
        { digest: hash('x1'), size: 2, holders: ['a'], difference: null },
        { digest: hash('x2'), size: 2, holders: ['b'], difference: { offset: 1, line: 1 } },
      ],
    })
  })

  it('refuses what is no name, and what is no coordinator', async () => {
    const stage = createStage()
    expect((await explain(stage, ['a'], '../x')).stderr).toContain("'../x' is no name of a file")
    const url = await startScript((_, response) => response.end('hello'))
    const { status, stderr } = await stage.run(['explain', 't', '--coordinator', url])
    expect([status, stderr]).toEqual([2, expect.stringContaining("is that a coordinator's address?")])
  })
})
