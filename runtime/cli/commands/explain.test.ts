import { execFileSync } from 'node:child_process'
import { symlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createMemoryStorage } from '../../../functions/storage/memory.ts'
import type { Storage } from '../../../functions/storage/storage.ts'
import { createStage, hash, type Ran, type Stage, startCoordinator, toReplicaFlags } from '../stage.suite.ts'
import { toLocalTime } from '../terminal/times.ts'

/** How a digest in a directory is known. */
const KNOWN = { evidence: expect.stringMatching(/^(read|remembered)$/), age: expect.any(Number) }

const MIB = 1024 * 1024

/** Writes files, by `replica/name`. */
function explain(stage: Stage, ids: readonly string[], ...args: string[]): Promise<Ran> {
  return stage.run(['explain', ...toReplicaFlags(...ids), ...args])
}

/** The output for a and b that hold these, from the line on that compares them. */
async function explainPair(a: string | Uint8Array, b: string | Uint8Array): Promise<string> {
  const stage = createStage()
  stage.write({ 'a/f': a, 'b/f': b })
  const { stdout } = await explain(stage, ['a', 'b'], 'f')
  return stdout.slice(stdout.indexOf('\nB against A: ') + '\nB against A: '.length)
}

describe('vouch explain', () => {
  it('shows what each replica holds and since when, the first difference, and a diff', async () => {
    const stage = createStage()
    stage.write({ 'a/x/t': 'one\ntwo\nthree\n', 'b/x/t': 'one\n2\nthree\n' })
    utimesSync(join(stage.cwd, 'a/x/t'), 1000, 1000)
    utimesSync(join(stage.cwd, 'b/x/t'), 2000, 2000)
    expect(await explain(stage, ['a', 'b'], 'x/t', '--max-age', '0')).toEqual({
      status: 1,
      stderr: '',
      stdout: `x/t: conflict
  a  A  14 B  ${toLocalTime('1970-01-01T00:16:40.000Z')}  ${hash('one\ntwo\nthree\n').slice(0, 12)}  read now
  b  B  12 B  ${toLocalTime('1970-01-01T00:33:20.000Z')} (newest)  ${hash('one\n2\nthree\n').slice(0, 12)}  read now
B against A: the first byte that differs is at offset 4, in line 2
--- a/x/t
+++ b/x/t
@@ -1,3 +1,3 @@
 one
-two
+2
 three
`,
    })
  })

  it('counts the holders of each version where there are more than two replicas', async () => {
    const stage = createStage()
    stage.write({ 'a/t': '1', 'b/t': '2', 'c/t': '2', 'd/u': '' })
    const { stdout } = await explain(stage, ['a', 'b', 'c'], 't')
    expect(stdout).toContain('\nA: 1 of 3 (a)\nB: 2 of 3 (b, c), the majority\n')
    expect((await explain(stage, ['a', 'b', 'c', 'd'], 't')).stdout).toContain('\nB: 2 of 4 (b, c)\n')
    expect((await explain(stage, ['a', 'b'], 't')).stdout).not.toContain(' of 2 ')
  })

  it('compares every further version with the first', async () => {
    const stage = createStage()
    stage.write({ 'a/t': 'abc', 'b/t': 'abd', 'c/t': 'xbc', 'd/t': 'abd' })
    const { stdout } = await explain(stage, ['a', 'b', 'c', 'd'], 't')
    expect(stdout).toMatch(/\n {2}d {2}B {2}3 B /)
    expect(stdout).toMatch(/\nB against A: .* offset 2,.*\n--- a\/t\n\+\+\+ b\/t\n/)
    expect(stdout).toMatch(/\nC against A: .* offset 0,.*\n--- a\/t\n\+\+\+ c\/t\n/)
    expect(stdout.match(/against/g)).toHaveLength(2)
  })

  it.each([
    [
      'a byte in the middle of a character',
      'é\nü',
      'é\nö',
      /^the first byte that differs is at offset 4, in line 2\n---/,
    ],
    [
      'a text that continues',
      'one\n',
      'one\ntwo',
      /^B begins with all of A, and continues at offset 4, in line 2\n---/,
    ],
    [
      'a text that was cut',
      'one\ntwo',
      'one',
      /^A begins with all of B, and continues at offset 3, in line 1\n---/,
    ],
    ['an empty copy', '', 'one\n', /^A is empty\n---.*\n.*\n@@ -0,0 \+1,1 @@\n\+one\n$/],
    ['a line end at the end', 'one\n', 'one', /\n-one\n\+one\n\\ No newline at end of file\n$/],
    ['another line end', 'a\nb\n', 'a\r\nb\n', /\n-a\n\+a\\u\{d\}\n b\n$/],
    ['a mark at the beginning', 'a\n', '\ufeffa\n', /\n-a\n\+\\u\{feff\}a\n$/],
    ['bytes after a text', 'one\ntwo\0', 'one\n2\n', /^the first byte that differs is at offset 4\n$/],
    ['bytes that are no UTF-8', 'one\n', Buffer.from('one\n\xe9', 'latin1'), /^B begins .* at offset 4\n$/],
    ['a character cut off at the end', 'a', Buffer.from('a\xc3', 'latin1'), /^B begins .* at offset 1\n$/],
  ])('reports %s', async (_what, a, b, expected) => {
    expect(await explainPair(a, b)).toMatch(expected)
  })

  it('shows no diff of texts that are large, or have too little in common', async () => {
    const numbers = (first: number) => Array.from({ length: 3000 }, (_, i) => `${first + i}\n`).join('')
    expect(await explainPair(numbers(10_000), numbers(50_000))).toMatch(
      /^the first .* in line 1\nno diff: more than 4,000 lines were removed or added\n$/,
    )
    const large = 'line\n'.repeat(MIB / 4)
    expect(await explainPair(large, `${large}more\n`)).toMatch(
      /^B begins .* offset 1,310,720, in line 262,145\n$/,
    )
  })

  it.each([
    ['a NUL', '\0'],
    ['a byte that is no UTF-8', '\xff'],
  ])('counts no lines of a large text that differs by %s, on either side', async (_what, byte) => {
    const text = 'line\n'.repeat(MIB / 4)
    const other = Buffer.from(text)
    other.write(byte, 1_000_002, 'latin1')
    const expected = 'the first byte that differs is at offset 1,000,002\n'
    expect(await explainPair(text, other)).toBe(expected)
    expect(await explainPair(other, text)).toBe(expected)
  })

  it('finds a byte late in large files, and reports bytes without lines or a diff', async () => {
    const large = Buffer.alloc(5 * MIB, '\xff', 'latin1')
    const other = Buffer.from(large)
    other[4 * MIB + 7] = 1
    expect(await explainPair(large, other)).toBe('the first byte that differs is at offset 4,194,311\n')
    expect(await explainPair(large, Buffer.concat([large, Buffer.from('!')]))).toBe(
      'B begins with all of A, and continues at offset 5,242,880\n',
    )
  })

  it('escapes control characters in names and texts', async () => {
    const stage = createStage()
    const name = '\x1b[31m ü"'
    stage.write({ [`a/${name}`]: 'red\x1b[31m\r\n', [`b/${name}`]: 'blue\x07\u202e\n' })
    const { stdout } = await explain(stage, ['a', 'b'], name)
    expect(stdout).toMatch(/^[ -~\n\tü]*$/)
    expect(stdout).toContain('--- a/\\u{1b}[31m ü"\n+++ b/\\u{1b}[31m ü"\n')
    expect(stdout).toContain('-red\\u{1b}[31m\\u{d}\n+blue\\u{7}\\u{202e}\n')
  })

  it('shows three lines around each change', async () => {
    const lines = (changed: string) => [1, 2, 3, 4, 5, changed, 7, 8, 9, 10, 11].map((n) => `${n}\n`).join('')
    expect(await explainPair(lines('six'), lines('6'))).toMatch(
      /\n@@ -3,7 \+3,7 @@\n 3\n 4\n 5\n-six\n\+6\n 7\n 8\n 9\n$/,
    )
  })

  it('leaves tabs unchanged, and does not confuse a line of a text with a header', async () => {
    expect(await explainPair('\ta\n-- x\n', '\tb\n++ y\n')).toContain('\n-\ta\n--- x\n+\tb\n+++ y\n')
  })

  it.each([
    ['are alike', { 'a/t': '1', 'b/t': '1' }, 0, 't: unanimous\n', ''],
    ['are lacking', { 'a/t': '1', 'b/u': '1' }, 1, '\n  b  missing\n', ''],
    [
      'are nowhere',
      { 'a/u': '1', 'b/u': '1' },
      2,
      't: absent\n',
      "vouch: t: not found on any replica; is the name right? 'vouch check --all' lists all names\n",
    ],
  ])('exits as diff does where copies %s', async (_, files, expected, text, line) => {
    const stage = createStage()
    stage.write(files)
    const { status, stdout, stderr } = await explain(stage, ['a', 'b'], 't')
    expect([status, stderr]).toEqual([expected, line])
    expect(stdout).toContain(text)
  })

  it('marks no copy as the newest when two versions are, all are the same, or one has no time', async () => {
    const stage = createStage()
    stage.write({ 'a/u': '1', 'b/u': '1' })
    utimesSync(join(stage.cwd, 'a/u'), 1000, 1000)
    expect((await explain(stage, ['a', 'b'], 'u')).stdout).not.toContain('newest')
    stage.write({ 'a/t': '1', 'b/t': '2', 'c/t': '1' })
    for (const id of ['a', 'b', 'c']) utimesSync(join(stage.cwd, id, 't'), 1000, id === 'c' ? 500 : 1000)
    expect((await explain(stage, ['a', 'b', 'c'], 't')).stdout).not.toContain('newest')
    const timeless: Storage = {
      ...createMemoryStorage({ t: '3' }),
      describe: (names, options) =>
        createMemoryStorage({ t: '3' })
          .describe(names, options)
          .map(async (facts) => ({ ...((await facts) ?? expect.fail()), modified: null })),
    }
    const flags = await startCoordinator({ a: createMemoryStorage({ t: '1' }), b: timeless })
    const { stdout } = await stage.run(['explain', 't', ...flags])
    expect(stdout).toMatch(/\n {2}b {2}B {2}1 B {2}no time {2}/)
    expect(stdout).not.toContain('newest')
  })
})

describe('vouch explain of replicas', () => {
  it('explains as with its replicas', async () => {
    const stage = createStage()
    stage.write({ 'a/t': 'x1\n', 'b/t': 'x2\n' })
    const flags = await startCoordinator({
      a: createMemoryStorage({ t: 'x1\n' }),
      b: createMemoryStorage({ t: 'x2\n' }),
    })
    const far = await stage.run(['explain', 't', '--max-age', '0', ...flags])
    const near = await explain(stage, ['a', 'b'], 't', '--max-age', '0')
    const timeless = ({ stdout }: Ran) => stdout.replaceAll(/\d{4}-\S*Z( \(newest\))?/g, 'TIME')
    expect(timeless(far)).toBe(timeless(near))
    expect([far.status, near.status]).toEqual([1, 1])
  })

  it('reports a replica that is down, and one that has no such file', async () => {
    const stage = createStage()
    stage.write({ 'a/t': '1', 'b/u': '' })
    symlinkSync('/etc/passwd', join(stage.cwd, 'b/t'))
    const down = [
      '--replica',
      'c=http://127.0.0.1:1',
      '--replica',
      'a=a',
      '--replica',
      'b=b',
      '--index',
      'index',
    ]
    const { status, stdout, stderr } = await stage.run(['explain', 't', ...down])
    expect([status, stderr]).toEqual([
      2,
      'vouch: t: no copy from c, b, for the reason given above; run it again when that is fixed\n',
    ])
    expect(stdout).toMatch(
      /\n {2}c {2}the replica refused the connection\n {2}a {2}A .*\n {2}b {2}.*not a regular file.*\n/,
    )
  })

  it('reports a file that may not be read', async () => {
    const stage = createStage()
    stage.write({ 'a/t': '1' })
    execFileSync('mkfifo', [join(stage.cwd, 'a/fifo')])
    const { status, stdout } = await explain(stage, ['a'], 'fifo', '--single')
    expect([status, stdout]).toEqual([2, expect.stringMatching(/^fifo: unknown\n {2}a {2}\S.*\n$/)])
  })

  it.each(['../x', '', '/etc/passwd', 'a//b'])('refuses %j, which is not a valid name', async (name) => {
    const { status, stderr } = await explain(createStage(), ['a'], '--', name)
    const line = name === '' ? 'explain takes the name of a file' : `'${name}' is not a valid name of a file`
    expect([status, stderr]).toEqual([2, expect.stringContaining(line)])
  })

  it('prints one object for programs, whatever the result', async () => {
    const stage = createStage()
    stage.write({ 'a/t': 'x1', 'b/t': 'x2', 'c/t': 'x', 'd/u': '' })
    for (const id of ['a', 'b', 'c']) utimesSync(join(stage.cwd, id, 't'), 1000, 1000)
    const flags = ['--replica', 'e=http://127.0.0.1:1', '--json']
    const { status, stdout } = await explain(stage, ['a', 'b', 'c', 'd'], 't', ...flags)
    const modified = '1970-01-01T00:16:40.000Z'
    expect(status).toBe(2)
    expect(stdout.indexOf('\n')).toBe(stdout.length - 1)
    expect(JSON.parse(stdout)).toEqual({
      name: 't',
      agreement: 'conflict',
      replicas: [
        { id: 'a', state: 'differ', version: hash('x1'), size: 2, modified, ...KNOWN },
        { id: 'b', state: 'differ', version: hash('x2'), size: 2, modified, ...KNOWN },
        { id: 'c', state: 'differ', version: hash('x'), size: 1, modified, ...KNOWN },
        { id: 'd', state: 'missing' },
        {
          id: 'e',
          state: 'error',
          error: 'connection_refused',
          detail: 'the replica refused the connection',
        },
      ],
      versions: [
        { digest: hash('x1'), size: 2, holders: ['a'], firstDifference: null },
        { digest: hash('x2'), size: 2, holders: ['b'], firstDifference: { offset: 1, line: 1 } },
        { digest: hash('x'), size: 1, holders: ['c'], firstDifference: { offset: 1, line: 1 } },
      ],
      error: { kind: 'unreachable', message: expect.stringContaining('t: no copy from e') },
    })
    const absent = await explain(stage, ['a', 'd'], 'nope', '--json')
    expect(absent.status).toBe(2)
    expect(JSON.parse(absent.stdout)).toMatchObject({
      ...{ agreement: 'absent', versions: [] },
      error: { kind: 'not-found' },
    })
  })
})
