import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createReplica } from '../../../functions/replica/replica.ts'
import { createMemoryStorage } from '../../../functions/storage/memory.ts'
import { openSigners } from '../../hosting/keys.ts'
import { createStage, type Stage, startServer } from '../stage.suite.ts'

const REPLICAS = ['--replica', 'a=./a', '--replica', 'b=./b', '--index', './index', '--sign', 'hq.key']

/** A stage with two replicas that agree, and the keys of a coordinator and of a witness. */
async function setUp(): Promise<Stage> {
  const stage = createStage()
  for (const replica of ['a', 'b'])
    stage.write({ [`${replica}/notes.txt`]: 'hello\n', [`${replica}/d/ü x`]: 'x', [`${replica}/empty`]: '' })
  for (const key of ['hq', 'witness'])
    expect(await stage.run(['key', 'generate', `${key}.key`, '--origin', key])).toMatchObject({ status: 0 })
  return stage
}

const get = (stage: Stage, ...more: readonly string[]) =>
  stage.run(['get', 'notes.txt', '-O', '--receipt', 'notes.receipt', ...REPLICAS, ...more])
const verify = (stage: Stage, file: string, ...more: readonly string[]) =>
  stage.run(['receipt', 'verify', file, '--key', 'hq.key.pub', ...more])
const tree = (stage: Stage, output: string) => stage.run(['receipt', 'tree', '-o', output, ...REPLICAS])
const sums = (stage: Stage, output: string) =>
  stage.run(['sums', '-o', output, ...REPLICAS.filter((word) => word !== '--sign' && word !== 'hq.key')])

describe('vouch key generate', () => {
  it('writes a private key that nobody else can read, and the public one, which it prints', async () => {
    const stage = createStage()
    const { stdout } = await stage.run(['key', 'generate', 'nas.key', '--origin', 'nas.example'])
    expect(stdout).toMatch(/^nas\.example\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*\n$/)
    expect(stage.read('nas.key.pub')).toBe(stdout)
    expect(stage.read('nas.key')).toMatch(
      /^-----BEGIN PRIVATE KEY-----\n[^\n]{64}\n-----END PRIVATE KEY-----\n$/,
    )
    expect(statSync(join(stage.cwd, 'nas.key')).mode & 0o777).toBe(0o600)
  })

  it('replaces neither half', async () => {
    const stage = createStage()
    stage.write({ 'one.key': 'one', 'two.key.pub': 'two' })
    for (const key of ['one.key', 'two.key']) {
      const { status, stderr } = await stage.run(['key', 'generate', key])
      expect([status, stderr]).toEqual([2, expect.stringContaining('exists, and a key is never replaced')])
    }
    expect(stage.files()).toEqual(['one.key', 'two.key.pub'])
    expect([stage.read('one.key'), stage.read('two.key.pub')]).toEqual(['one', 'two'])
  })

  it.each([[], ['generate'], ['make', 'x'], ['generate', 'x', 'y'], ['generate', 'x', '--origin', 'a b']])(
    'refuses %j',
    async (...args) => {
      const stage = createStage()
      expect((await stage.run(['key', ...args])).status).toBe(2)
      expect(stage.files()).toEqual([])
    },
  )
})

describe('vouch get --receipt', () => {
  it('writes what the replicas have signed beside the file, and vouch receipt verify prints it', async () => {
    const stage = await setUp()
    const { status, stderr } = await get(stage)
    expect([status, stderr]).toEqual([
      0,
      expect.stringContaining('notes.receipt is signed by hq for a, hq for b\n'),
    ])
    expect(stage.read('notes.txt')).toBe('hello\n')
    const verified = await verify(stage, 'notes.receipt')
    expect(verified).toMatchObject({ status: 0, stderr: '' })
    expect(verified.stdout).toMatch(/^notes\.txt: 6 bytes, SHA-256 5891b5b5/)
    expect(verified.stdout).toMatch(
      /signed by hq \(key [0-9a-f]{8}\), for a, which has no key: the bytes were read at /,
    )
    expect(verified.stdout).toContain(', for b, which has no key')
    const { signed, missing } = JSON.parse((await verify(stage, 'notes.receipt', '--json')).stdout)
    expect([signed.length, missing]).toEqual([2, []])
  })

  it('writes one for a file that is there already', async () => {
    const stage = await setUp()
    stage.write({ 'notes.txt': 'hello\n' })
    expect((await get(stage)).status).toBe(0)
    expect((await verify(stage, 'notes.receipt')).status).toBe(0)
  })

  it('writes none where the copies differ', async () => {
    const stage = await setUp()
    stage.write({ 'b/notes.txt': 'other\n' })
    expect((await get(stage)).status).toBe(1)
    expect(stage.files()).not.toContain('notes.receipt')
  })

  it('says when one holder did not sign, although another has with two keys', async () => {
    const stage = await setUp()
    expect(await stage.run(['key', 'generate', 'next.key', '--origin', 'hq'])).toMatchObject({ status: 0 })
    const signers = await openSigners(['hq.key', 'next.key'], [], stage)
    const app = createReplica(createMemoryStorage({ 'notes.txt': 'hello\n' }), { signers })
    const [, url] = await startServer((request) => app.fetch(request))
    const replicas = ['--replica', `a=${url}`, '--replica', 'b=./b', '--index', 'index']
    const { status, stderr } = await stage.run(['get', 'notes.txt', '-O', '--receipt', 'r', ...replicas])
    expect([status, stderr]).toEqual([0, expect.stringContaining('r is signed by hq\n')])
    expect(stderr).toContain('warning: 2 replicas hold this content, and not all of them have signed\n')
  })

  it.each<[string, readonly string[], string]>([
    [
      'without a key',
      ['--replica', 'a=./a', '--replica', 'b=./b'],
      'no receipt was written: notes.txt: Nobody signs this',
    ],
    ['to standard output', ['-o', '-', ...REPLICAS], '--receipt is for a file that is written'],
    ['with one key twice', [...REPLICAS, '--sign', './hq.key'], 'are one key; name it once'],
    ['of several files', ['other.txt', ...REPLICAS], '--receipt is for one file'],
    [
      'with a key at a coordinator elsewhere',
      ['--coordinator', 'http://127.0.0.1:9', '--sign', 'hq.key'],
      '--sign needs --replica',
    ],
  ])('is refused %s', async (_why, more, message) => {
    const stage = await setUp()
    const { status, stderr } = await stage.run(['get', 'notes.txt', '--receipt', 'r', ...more])
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)])
    expect(stage.files()).not.toContain('r')
  })

  it('never shows anything of a private key, nor takes one that clients can read', async () => {
    const stage = await setUp()
    const secret = stage.read('hq.key').split('\n')[1] ?? ''
    stage.write({ 'cut.key': secret, 'cut.key.pub': stage.read('hq.key.pub') })
    stage.write({ 'other.key': stage.read('hq.key'), 'other.key.pub': stage.read('witness.key.pub') })
    stage.write({ 'alone.key': stage.read('hq.key'), 'odd.key': stage.read('hq.key'), 'odd.key.pub': secret })
    stage.write({ 'a/in.key': stage.read('hq.key'), 'a/in.key.pub': stage.read('hq.key.pub') })
    for (const half of ['key', 'key.pub']) symlinkSync(`a/in.${half}`, join(stage.cwd, `linked.${half}`))
    const seen = []
    const unusable = [
      'cut.key',
      'other.key',
      'alone.key',
      'odd.key',
      'a/in.key',
      'linked.key',
      'none.key',
      'a',
    ]
    for (const key of unusable) {
      const { status, stderr, stdout } = await stage.run([
        'get',
        'notes.txt',
        '--receipt',
        'r',
        ...REPLICAS.slice(0, -1),
        key,
      ])
      expect([key, status]).toEqual([key, 2])
      seen.push(stderr, stdout)
    }
    expect(seen.join('\n')).not.toContain(secret.slice(20, 40))
    expect(seen.join('\n')).toContain('is inside the replica a, from where every client could read it')
  })
})

describe('vouch receipt verify', () => {
  it('says who of those whose keys are given has not signed', async () => {
    const stage = await setUp()
    await get(stage)
    const { status, stderr } = await verify(stage, 'notes.receipt', '--key', 'witness.key.pub')
    expect([status, stderr]).toEqual([1, 'warning: witness has not signed this\n'])
    const other = await stage.run(['receipt', 'verify', 'notes.receipt', '--key', 'witness.key.pub'])
    expect([other.status, other.stderr]).toEqual([
      2,
      expect.stringContaining('none of the keys given has signed'),
    ])
  })

  it('takes the keys of the cluster of the settings file', async () => {
    const stage = await setUp()
    await get(stage)
    const cluster = '[cluster.home]\ncoordinator = "http://127.0.0.1:9"\nkeys = ["hq.key.pub"]\n'
    stage.write({ 'vouch.toml': cluster })
    const args = ['receipt', 'verify', 'notes.receipt', '--config', 'vouch.toml']
    expect((await stage.run(args)).status).toBe(0)
    expect((await stage.run(['receipt', 'verify', 'notes.receipt'])).stderr).toContain(
      'needs the keys of those',
    )
  })

  it('refuses a changed receipt, with the line', async () => {
    const stage = await setUp()
    await get(stage)
    stage.write({ 'bad.receipt': stage.read('notes.receipt').replace('bytes 6', 'bytes 7') })
    const { status, stderr } = await verify(stage, 'bad.receipt')
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^vouch: bad\.receipt is refused: line 6: /)])
  })

  it.each<[string, string | Uint8Array]>([
    ['empty', ''],
    ['not UTF-8', Uint8Array.of(0xff, 0xfe)],
    ['far too long', 'x'.repeat(2_000_000)],
    ['a path without a tree', 'vouch-path/v1\nfile a\n\n'],
  ])('refuses a file that is %s', async (_what, bytes) => {
    const stage = await setUp()
    writeFileSync(join(stage.cwd, 'x'), bytes)
    const { status, stderr } = await verify(stage, 'x')
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^vouch: /)])
    expect(stderr).not.toContain('bug')
  })

  it.each([[], ['verify'], ['tree', 'a', 'b'], ['path', 'x'], ['constructor'], ['trees', 'x'], ['witness']])(
    'refuses %j',
    async (...args) => {
      const { status, stderr } = await createStage().run(['receipt', ...args])
      expect([status, stderr]).toEqual([2, expect.stringContaining('receipt takes verify FILE')])
    },
  )
})

describe('a file that cannot be read is trouble of the kind io, with what to do', () => {
  it.each([
    [
      'receipt verify none',
      'cannot read none as a receipt: no such file or directory',
      'vouch get NAME --receipt',
    ],
    ['receipt verify a', 'cannot read a as a receipt: it is not a file', 'vouch get NAME --receipt'],
    ['receipt verify a/notes.txt --key none', 'no such file or directory', 'vouch key generate FILE'],
    ['get notes.txt --sign none', 'no such file or directory', 'vouch key generate FILE'],
    ['get notes.txt --sign c', 'cannot read the private key in ', 'vouch key generate FILE'],
    ['get notes.txt --sign alone.key', 'cannot read the public key in ', 'vouch key generate FILE'],
    ['get notes.txt --token-file none', 'cannot read tokens from ', 'openssl rand'],
  ])('%s', async (line, words, advice) => {
    const stage = await setUp()
    stage.write({ 'alone.key': stage.read('hq.key'), 'c/x': '' })
    const source = line.startsWith('get') ? ['--receipt', 'new', ...REPLICAS.slice(0, -2)] : []
    const keys = line.includes('--key') || line.startsWith('get') ? [] : ['--key', 'hq.key.pub']
    const { status, stdout } = await stage.run([...line.split(' '), ...source, ...keys, '--json'])
    const { kind, message } = JSON.parse(stdout).error
    expect([status, kind]).toEqual([2, 'io'])
    expect(message).toContain(words)
    expect(message).toContain('; ')
    expect(message).toContain(advice)
    expect(message).not.toMatch(/ENOENT|EISDIR/)
  })
})

describe('a signed tree', () => {
  it('is not signed of a prefix that no name has, which was meant as its file perhaps', async () => {
    const stage = await setUp()
    const { status, stderr } = await stage.run(['receipt', 'tree', 'a.tree', ...REPLICAS])
    expect([status, stderr]).toEqual([2, expect.stringContaining("begins with 'a.tree'; -o FILE says where")])
    expect(stage.files()).not.toContain('a.tree')
  })

  it('proves one file of it, by the list of that time', async () => {
    const stage = await setUp()
    expect(await tree(stage, 'one.tree')).toMatchObject({ status: 0 })
    expect((await sums(stage, 'one.sha256')).status).toBe(0)
    const path = (...args: readonly string[]) =>
      stage.run(['receipt', 'path', 'one.tree', ...args, '--files', 'manifest:one.sha256', '-o', 'x.receipt'])
    expect((await path('d/ü x')).status).toBe(0)
    const verified = await verify(stage, 'x.receipt')
    expect([verified.status, verified.stderr]).toEqual([0, ''])
    expect(verified.stdout).toMatch(/^d\/ü x: SHA-256 2d711642.*, one of all files: 3, root /)
    const text = stage.read('x.receipt')
    for (const [from, to] of [
      ['place 0', 'place 1'],
      ['2d711642', '3d711642'],
      ['file d/', 'file e/'],
      ['files 3', 'files 4'],
    ] as const) {
      stage.write({ 'bad.receipt': text.replace(from, to) })
      expect([to, (await verify(stage, 'bad.receipt')).status]).toEqual([to, 2])
    }
    expect((await path('none')).stderr).toContain("'none' is not among the 3 files that were signed")
    stage.write({ 'a/new': '', 'b/new': '' })
    await sums(stage, 'one.sha256')
    expect((await path('d/ü x')).stderr).toContain('does not have the files that were signed')
  })

  it('shows whether these are the files that were signed', async () => {
    const stage = await setUp()
    await tree(stage, 'one.tree')
    expect((await verify(stage, 'one.tree', '--files', './b')).status).toBe(0)
    stage.write({ 'b/notes.txt': 'other\n' })
    expect((await verify(stage, 'one.tree', '--files', './b')).status).toBe(1)
  })

  it('and a later one show whether anything has changed, and with both lists what', async () => {
    const stage = await setUp()
    const since = (...more: readonly string[]) => verify(stage, 'two.tree', '--since', 'one.tree', ...more)
    await tree(stage, 'one.tree')
    await sums(stage, 'one.sha256')
    await tree(stage, 'two.tree')
    const same = await since()
    expect([same.status, same.stderr]).toEqual([
      0,
      'nothing has changed: both trees are of the same 3 files\n',
    ])
    for (const replica of ['a', 'b'])
      stage.write({ [`${replica}/notes.txt`]: 'other\n', [`${replica}/new\nline`]: '1' })
    await tree(stage, 'two.tree')
    await sums(stage, 'two.sha256')
    expect((await since()).stderr).toContain('the trees differ')
    const lists = ['--files', 'manifest:two.sha256', '--since-files', 'manifest:one.sha256']
    const changed = await since(...lists)
    expect(changed.status).toBe(1)
    expect(changed.stdout.split('\n').slice(-3)).toEqual(['new     new\\u{a}line', 'changed notes.txt', ''])
    expect(changed.stderr).toContain('2 files stayed as they were; 1 changed, 0 gone, 1 new\n')
    // A list with one line more or less than was signed names nothing.
    writeFileSync(
      join(stage.cwd, 'two.sha256'),
      `${readFileSync(join(stage.cwd, 'two.sha256'))}${'0'.repeat(64)}  z\n`,
    )
    const refused = await since(...lists)
    expect([refused.status, refused.stderr]).toEqual([
      2,
      expect.stringContaining('does not have the files that were signed'),
    ])
    expect(refused.stdout).not.toContain('notes.txt')
  })

  it('is written for each replica where they differ, and kept where there is a ledger', async () => {
    const stage = await setUp()
    stage.write({ 'b/notes.txt': 'other\n' })
    expect((await tree(stage, 'one.tree')).status).toBe(1)
    expect(stage.files()).toEqual(expect.arrayContaining(['a_one.tree', 'b_one.tree']))
    expect((await verify(stage, 'b_one.tree')).status).toBe(0)
    const { stdout } = await stage.run(['receipt', 'trees', ...REPLICAS])
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split('  ').slice(2)),
    ).toEqual([
      ['3 files', 'b'],
      ['3 files', 'a'],
    ])
  })

  it('takes the line of a witness, once', async () => {
    const stage = await setUp()
    await tree(stage, 'one.tree')
    const witness = () =>
      stage.run([
        'receipt',
        'witness',
        'one.tree',
        '--key',
        'hq.key.pub',
        '--key',
        'witness.key.pub',
        '--sign',
        'witness.key',
      ])
    expect((await witness()).status).toBe(0)
    const verified = await verify(stage, 'one.tree', '--key', 'witness.key.pub')
    expect([verified.status, verified.stdout]).toEqual([0, expect.stringContaining('this text was there at')])
    expect((await witness()).stderr).toContain('witness has signed one.tree already')
  })
})
