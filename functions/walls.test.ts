import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** A line of code that the compiler must refuse in a folder, and the error it must refuse it with. */
const probes = [
  ['wire', "import { readFileSync } from 'node:fs'\nexport const use = readFileSync", 'TS2591'],
  ['wire', "import { readFile } from 'node:fs/promises'\nexport const use = readFile", 'TS2591'],
  ['wire', 'export const use = Buffer', 'TS2591'],
  ['wire', 'export const use = process', 'TS2591'],
  ['wire', 'export const use = document', 'TS2584'],
  ['wire', "export type { Storage } from '../storage/storage.ts'", 'TS6307'],
  ['storage', "import 'node:path'", 'TS2882'],
  ['storage', "export { createReplica } from '../replica/replica.ts'", 'TS6307'],
  ['replica', 'export const use = process', 'TS2591'],
  ['replica', "export { compare } from '../coordinator/compare.ts'", 'TS6307'],
  ['coordinator', 'export const use = Buffer', 'TS2591'],
  ['coordinator', "export { createReplica } from '../replica/replica.ts'", 'TS6307'],
  ['coordinator', "export { serve } from '../../runtime/node/serve.ts'", 'TS6307'],
  ['s3', "import 'node:crypto'", 'TS2882'],
  ['s3', 'export const use = Buffer', 'TS2591'],
  ['s3', "export { serve } from '../node/serve.ts'", 'TS6307'],
] as const

/** Where a folder is: S3 is spoken alike on every host. */
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
  const folders = ['wire', 'storage', 'replica', 'coordinator', 's3'].map(toPath)
  output = (await Promise.all(folders.map(compile))).join('\n')
})

afterAll(() => rm(copy, { recursive: true, force: true }))

/** What the compiler says of one folder, built alone so that no other folder's errors hold it up. */
async function compile(folder: string): Promise<string> {
  return await new Promise((done) => {
    const args = ['-p', folder, '--pretty', 'false', '--noEmit', '--emitDeclarationOnly', 'false']
    execFile(join(root, 'node_modules/.bin/tsc'), args, { cwd: copy }, (_error, stdout) => done(stdout))
  })
}

describe('the walls between the folders', () => {
  it.each(probes.map((probe, i) => [...probe, i] as const))(
    'stand: in %s, %j is %s',
    (folder, _code, error, i) => {
      const lines = output.split('\n').filter((line) => line.startsWith(`${toPath(folder)}/probe-${i}.ts`))
      expect(lines.join('\n')).toContain(`error ${error}:`)
    },
  )
})

/** What checks a value against a schema of valibot, or parses JSON. */
const CHECK =
  /\bv\s*\.\s*(safeParse|parse|is|assert|parser|safeParser|parseAsync|safeParseAsync|parseJson)\s*\(/
const PARSE = /\bJSON\.parse\s*\(|\.json\(\)/

/** Where JSON is parsed that is not checked, and why. */
const PARSED: Readonly<Record<string, string>> = {
  'functions/wire/parse.ts': 'the parser itself',
  'functions/coordinator/page/script.ts': 'runs in a browser, on the answers of its own server',
  'runtime/cli/apply.ts': "words for the user's own file",
  'runtime/node/root-guard.ts': 'its own row of the index, looked at field by field',
  'runtime/node/tops.ts': 'its own file, of which only valid names are taken',
  'runtime/workers/disk-tree.ts': "workerd's own disk service",
}

describe('what comes from outside', () => {
  let sources: (readonly [path: string, text: string])[]

  beforeAll(async () => {
    const paths = await Promise.all(['functions', 'runtime', 'emulator'].map(findSources))
    sources = await Promise.all(
      paths.flat().map(async (path) => [path, await readFile(join(root, path), 'utf8')]),
    )
  })

  async function findSources(folder: string): Promise<string[]> {
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile() && /\.ts$/.test(entry.name))
      .map(({ parentPath, name }) => relative(root, join(parentPath, name)))
  }

  it('is checked against a schema by wire/parse.ts alone', () => {
    const found = sources.filter(([, text]) => CHECK.test(text)).map(([path]) => path)
    expect(found).toEqual(['functions/wire/parse.ts'])
  })

  it('is parsed as JSON by wire/parse.ts alone', () => {
    const isProduct = (path: string) =>
      /^(functions|runtime)\//.test(path) && !/\.(test|suite)\.ts$/.test(path)
    const found = sources.filter(([path, text]) => isProduct(path) && PARSE.test(text)).map(([path]) => path)
    expect(found.sort()).toEqual(Object.keys(PARSED).sort())
  })
})
