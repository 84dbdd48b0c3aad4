import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createStageWith, type Files, hash, type Stage } from '../../runtime/cli/stage.suite.ts'
import { AWKWARD, toContents } from './names.suite.ts'

/** The part of bagit-tools that its `verify` consists of: the rest is a test harness. */
interface ForeignManifest {
  verify(done: (error: Error | null, results: readonly Checked[], wrong: readonly Checked[]) => void): void
  verifyLength(count: null, done: (error: Error | null, isRight: boolean) => void): void
}

interface Checked {
  readonly file: string
}

const FLAGS = ['--replica', 'here=bag/data', '--replica', 'there=there', '--index', 'index']

async function createBag(files: Files): Promise<Stage> {
  const entries = Object.entries(files)
  const stage = createStageWith(
    Object.fromEntries(
      entries.flatMap(([name, content]) => [
        [`bag/data/${name}`, content],
        [`there/${name}`, content],
      ]),
    ),
  )
  const { status, stderr } = await stage.run(['sums', '--bag', 'bag', ...FLAGS])
  expect([status, stderr]).toEqual([0, expect.stringContaining('written')])
  return stage
}

/** What bagit-tools finds wrong with a bag: files, and `count` when its payload has more or fewer. */
async function validate({ cwd }: Stage): Promise<string[]> {
  // It is written in JavaScript without types.
  const open: (path: string, options: object) => ForeignManifest = createRequire(import.meta.url)(
    'bagit-tools/lib/manifest',
  )
  const wrong: string[] = []
  // A part of it warns that it calls another the old way.
  const warnings = vi.spyOn(console, 'error').mockReturnValue()
  onTestFinished(() => warnings.mockRestore())
  for (const name of ['manifest-sha256.txt', 'tagmanifest-sha256.txt']) {
    const manifest = open(join(cwd, 'bag', name), { encoding: 'UTF-8' })
    const all = await new Promise<readonly Checked[]>((resolve, reject) => {
      manifest.verify((error, _results, found) => (error ? reject(error) : resolve(found)))
    })
    wrong.push(...all.map(({ file }) => file))
    if (name.startsWith('tag')) continue
    const isRight = await promisify(manifest.verifyLength.bind(manifest))(null)
    if (!isRight) wrong.push('count')
  }
  return wrong.sort()
}

/** What is wrong with a bag by RFC 8493: its declaration, a manifest, a file, or the count of its payload. */
function findFaults({ cwd }: Stage): string[] {
  const bag = join(cwd, 'bag')
  const read = (path: string) => readFileSync(join(bag, path))
  const faults: string[] = []
  const list = (entries: Map<string, string>, files: readonly string[]) => {
    const there = new Set(files)
    for (const [path, digest] of entries)
      if (!there.has(path)) faults.push(`missing: ${path}`)
      else if (hash(read(path)) !== digest) faults.push(`changed: ${path}`)
    for (const path of there) if (!entries.has(path)) faults.push(`surplus: ${path}`)
  }
  const payload = readdirSync(join(bag, 'data'), { recursive: true, encoding: 'utf8' })
    .map((path) => `data/${path}`)
    .filter((path) => statSync(join(bag, path)).isFile())
  list(parseManifest(read('manifest-sha256.txt').toString()), payload)
  const tags = readdirSync(bag).filter((name) => name !== 'data' && !name.startsWith('tagmanifest-'))
  list(parseManifest(read('tagmanifest-sha256.txt').toString()), tags)
  if (read('bagit.txt').toString() !== 'BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n')
    faults.push('declaration')
  const bytes = payload.reduce((sum, path) => sum + statSync(join(bag, path)).size, 0)
  const info = read('bag-info.txt').toString()
  if (!info.split('\n').includes(`Payload-Oxum: ${bytes}.${payload.length}`)) faults.push('oxum')
  if (!/^Bagging-Date: \d{4}-\d\d-\d\d$/m.test(info)) faults.push('date')
  return faults
}

/**
 * The digests of a manifest by their paths (§2.1.3); throws for a line that is not valid, or a path twice.
 */
function parseManifest(text: string): Map<string, string> {
  const lines = text.split('\n')
  if (lines.pop() !== '') throw new Error('the last line has no end')
  const entries = lines.map((line): [string, string] => {
    const [, digest = '', path = ''] = /^([0-9a-f]{64}) {2}([^\r]+)$/.exec(line) ?? []
    if (path === '' || /%(?!25|0A|0D)/.test(path)) throw new Error(`not a valid line: ${line}`)
    return [decodeURIComponent(path.replace(/[^%0-9A-Z]/gu, encodeURIComponent)), digest]
  })
  if (new Set(entries.map(([path]) => path)).size !== entries.length) throw new Error('a path comes twice')
  return new Map(entries)
}

describe('a bag', () => {
  it('is valid for bagit-tools, which tells a changed, a missing and a surplus file', async () => {
    const plain = AWKWARD.filter((name) => !/[\r\n%]|\s$/.test(name))
    const stage = await createBag(toContents(plain))
    expect(await validate(stage)).toEqual([])
    stage.write({ 'bag/data/plain': 'other bytes' })
    expect(await validate(stage)).toEqual(['data/plain'])
    rmSync(join(stage.cwd, 'bag/data/ lead'))
    expect(await validate(stage)).toEqual(['count', 'data/ lead', 'data/plain'])
    stage.write({ 'bag/data/new': '', 'bag/data/newer': '' })
    expect(await validate(stage)).toEqual(['count', 'data/ lead', 'data/plain'])
    stage.write({ 'bag/bag-info.txt': '' })
    expect(await validate(stage)).toEqual(['bag-info.txt', 'count', 'data/ lead', 'data/plain'])
  })

  it('is valid by the RFC with every awkward name, and a changed, a missing and a surplus file are told', async () => {
    const stage = await createBag(toContents(AWKWARD))
    expect(findFaults(stage)).toEqual([])
    stage.write({ 'bag/data/per%cent': 'kontent of "per%cent"', 'bag/data/a': '' })
    rmSync(join(stage.cwd, 'bag/data/a\nb'))
    expect(findFaults(stage)).toEqual([
      'missing: data/a\nb',
      'changed: data/per%cent',
      'surplus: data/a',
      'oxum',
    ])
  })

  it('has manifests that sha256sum reads, where no name is percent-encoded', async () => {
    const stage = await createBag(toContents(AWKWARD.filter((name) => !/[\r\n%]/.test(name))))
    for (const name of ['manifest-sha256.txt', 'tagmanifest-sha256.txt'])
      expect(sha256sum(stage, name)).toBe('')
  })
})

function sha256sum({ cwd }: Stage, name: string): string {
  return execFileSync('sha256sum', ['-c', '--strict', '--quiet', name], {
    cwd: join(cwd, 'bag'),
    encoding: 'utf8',
  })
}

describe('--bag', () => {
  const FILES = { 'bag/data/f': 'x', 'there/f': 'x' }

  it.each<[string, readonly string[], Files, string]>([
    ['a prefix', ['f'], {}, 'a bag lists every file of its payload; leave out PREFIX'],
    ['a glob', ['--match', 'f'], {}, 'a bag lists every file of its payload; leave out PREFIX'],
    ['--agreed', ['--agreed'], {}, 'a bag lists every file of its payload; leave out PREFIX'],
    ['a format', ['--format', 'gnu'], {}, '--bag and --format exclude each other'],
    ['-o', ['-o', 'list'], {}, '--bag and --output exclude each other'],
    ['a bag', [], { 'bag/bagit.txt': '' }, "bag/bagit.txt' is of a bag already"],
    ['a manifest', [], { 'bag/manifest-md5.txt': '' }, "bag/manifest-md5.txt' is of a bag already"],
    ['what vouch kept', [], { 'bag/data/.vouch/kept/f': '' }, "bag/data/.vouch' holds the marker of vouch"],
    ['ignored names', [], { 'there/.vouchignore': '*.tmp' }, 'and the settings exclude *.tmp'],
    [
      'a name elsewhere',
      [],
      { 'there/only': '' },
      "1 name is not the same everywhere; 'vouch check' prints more\n",
    ],
  ])('is refused beside %s, and nothing is written', async (_what, args, files, message) => {
    const stage = createStageWith({ ...FILES, ...files })
    const { status, stderr } = await stage.run(['sums', ...args, '--bag', 'bag', ...FLAGS])
    expect([status, stderr]).toEqual([expect.any(Number), expect.stringContaining(message)])
    expect(status).not.toBe(0)
    const own = Object.keys(files).flatMap((path) => /^bag\/([^/]+)$/.exec(path)?.[1] ?? [])
    expect(readdirSync(join(stage.cwd, 'bag')).sort()).toEqual([...own, 'data'].sort())
  })

  it('is refused where a link in the payload is in no manifest', async () => {
    const stage = createStageWith(FILES)
    symlinkSync('f', join(stage.cwd, 'bag/data/link'))
    const { status, stderr } = await stage.run(['sums', '--bag', 'bag', ...FLAGS])
    expect([status, stderr]).toEqual([2, expect.stringContaining('some of here cannot be listed')])
    expect(readdirSync(join(stage.cwd, 'bag'))).toEqual(['data'])
  })

  it('is refused where no replica is its payload', async () => {
    const stage = createStageWith({ ...FILES, 'other/f': 'x' })
    const flags = ['--replica', 'other=other', '--replica', 'there=there', '--index', 'index']
    const { status, stderr } = await stage.run(['sums', '--bag', 'bag', ...flags])
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining("bag/data' is the payload of the bag, and no"),
    ])
    expect((await stage.run(['sums', '--bag', 'there', ...flags])).stderr).toContain(
      "there/data' is not a directory",
    )
    expect((await stage.run(['sums', '--bag', 'there/f', ...FLAGS])).stderr).toContain(
      "there/f/data' is not a directory",
    )
    symlinkSync('../bag/data', join(stage.cwd, 'other/data'))
    expect((await stage.run(['sums', '--bag', 'other', ...FLAGS])).stderr).toContain(
      "other/data' is not a directory",
    )
  })

  it('makes no bag of an empty directory', async () => {
    const stage = createStageWith(FILES)
    for (const path of ['bag/data/f', 'there/f']) rmSync(join(stage.cwd, path))
    const { status, stderr } = await stage.run(['sums', '--bag', 'bag', ...FLAGS])
    expect([status, stderr]).toEqual([2, 'vouch: nothing was written: the replicas agree on no file\n'])
  })
})
