import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** A line of code that the compiler must reject in a folder, and the error. */
const probes = [
  ['wire', "import { readFileSync } from 'node:fs'\nexport const use = readFileSync", 'TS2591'],
  ['wire', "import { readFile } from 'node:fs/promises'\nexport const use = readFile", 'TS2591'],
  ['wire', 'export const use = Buffer', 'TS2591'],
  ['wire', 'export const use = process', 'TS2591'],
  ['wire', 'export const use = document', 'TS2584'],
  ['wire', "export type { Storage } from '../storage/storage.ts'", 'TS6307'],
  ['bytes', "import 'node:stream'", 'TS2882'],
  ['bytes', "export type { Storage } from '../storage/storage.ts'", 'TS6307'],
  ['storage', "import 'node:path'", 'TS2882'],
  ['storage', "export { createReplica } from '../replica/replica.ts'", 'TS6307'],
  ['replica', 'export const use = process', 'TS2591'],
  ['replica', "export { compare } from '../coordinator/compare/compare.ts'", 'TS6307'],
  ['coordinator', 'export const use = Buffer', 'TS2591'],
  ['coordinator', "export { createReplica } from '../replica/replica.ts'", 'TS6307'],
  ['coordinator', "export { serve } from '../../runtime/node/http/serve.ts'", 'TS6307'],
  ['s3', "import 'node:crypto'", 'TS2882'],
  ['s3', 'export const use = Buffer', 'TS2591'],
  ['s3', "export { serve } from '../node/http/serve.ts'", 'TS6307'],
] as const

/** The path of a folder; the code of S3 runs on every host too. */
const toPath = (folder: string) => (folder === 's3' ? 'runtime/s3' : `functions/${folder}`)

const root = resolve(import.meta.dirname, '..')
let copy: string
let output: string

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'vouch-walls-'))
  for (const part of ['functions', 'runtime', 'tsconfig.json', 'package.json']) {
    await cp(join(root, part), join(copy, part), { recursive: true })
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  for (const [i, [folder, code]] of probes.entries()) {
    await writeFile(join(copy, toPath(folder), `probe-${i}.ts`), `${code}\n`)
  }
  const folders = ['wire', 'bytes', 'storage', 'replica', 'coordinator', 's3'].map(toPath)
  output = (await Promise.all(folders.map(compile))).join('\n')
  // Several compilers at once, which take long on a busy machine.
}, 600_000)

afterAll(() => rm(copy, { recursive: true, force: true }))

/** The errors of one folder, compiled alone so that those of other folders do not stop it. */
async function compile(folder: string): Promise<string> {
  return await new Promise((done) => {
    const args = ['-p', folder, '--pretty', 'false', '--noEmit', '--emitDeclarationOnly', 'false']
    execFile(join(root, 'node_modules/.bin/tsc'), args, { cwd: copy }, (_error, stdout) => done(stdout))
  })
}

describe('the walls between the folders', () => {
  it.each(probes.map((probe, i) => [...probe, i] as const))(
    'the compiler rejects in %s: %j (%s)',
    (folder, _code, error, i) => {
      const lines = output.split('\n').filter((line) => line.startsWith(`${toPath(folder)}/probe-${i}.ts`))
      expect(lines.join('\n')).toContain(`error ${error}:`)
    },
  )
})

/** Calls that check a value against a schema of valibot, or parse JSON. */
const CHECK =
  /\bv\s*\.\s*(safeParse|parse|is|assert|parser|safeParser|parseAsync|safeParseAsync|parseJson)\s*\(/
const PARSE = /\bJSON\.parse\s*\(|\.json\(\)/

/** The files that parse JSON without a schema, and why. */
const PARSED: Readonly<Record<string, string>> = {
  'functions/wire/json/parse.ts': 'the parser itself',
  'functions/coordinator/ledger/ledger.ts': 'what the ledger itself wrote',
  'functions/coordinator/ledger/sql/audits.ts': 'what the ledger itself wrote',
  'functions/coordinator/ledger/sql/sql-ledger.ts': 'what the ledger itself wrote',
  'functions/coordinator/ledger/sql/steps.ts': 'what the ledger itself wrote',
  'runtime/workers/digests/digest-pages.ts': 'what the object itself wrote',
  'functions/coordinator/page/script.ts': 'runs in a browser, on the answers of its own server',
  'runtime/cli/commands/repair/apply.ts': "messages about the user's own file",
  'runtime/node/mounts/root-guard.ts': 'its own row of the index, checked field by field',
  'runtime/node/mounts/tops.ts': 'its own file, of which only valid names are used',
  'runtime/workers/disk/disk-tree.ts': "workerd's own disk service",
}

describe('input from outside', () => {
  let sources: (readonly [path: string, text: string])[]

  beforeAll(async () => {
    const paths = await Promise.all(['functions', 'runtime', 'emulator', 'tests'].map(findSources))
    sources = await Promise.all(
      paths.flat().map(async (path) => [path, await readFile(join(root, path), 'utf8')]),
    )
  })

  it('is checked against a schema only by wire/json/parse.ts', () => {
    const found = sources.filter(([, text]) => CHECK.test(text)).map(([path]) => path)
    expect(found).toEqual(['functions/wire/json/parse.ts'])
  })

  it('is parsed as JSON only by wire/json/parse.ts', () => {
    const isProduct = (path: string) =>
      /^(functions|runtime)\//.test(path) && !/\.(test|suite)\.ts$/.test(path)
    const found = sources.filter(([path, text]) => isProduct(path) && PARSE.test(text)).map(([path]) => path)
    expect(found.sort()).toEqual(Object.keys(PARSED).sort())
  })
})

it('no test in functions/ imports a runtime', async () => {
  const paths = await findSources('functions')
  const texts = await Promise.all(paths.map(async (path) => [path, await readFile(join(root, path), 'utf8')]))
  // walls.test.ts itself names such imports as text.
  const found = texts.filter(
    ([path, text = '']) => path !== 'functions/walls.test.ts' && /from '(\.\.\/)+runtime\//.test(text),
  )
  expect(found.map(([path]) => path)).toEqual([])
})

/** The paths of all sources in a folder. */
async function findSources(folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && /\.ts$/.test(entry.name))
    .map(({ parentPath, name }) => relative(root, join(parentPath, name)))
}
