import { writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild'

/** What `vouch.js` starts, a file of its own, which `runCompiled` runs. */
const MAIN = 'runtime/cli/main.ts'

/**
 * What commands that end soon load when they run. It lies in `main.js` with all that it imports. The rest,
 * more than half, lies in `rest.js`, since reading a file of this length takes longer than many a command
 * works.
 */
const OFTEN = [
  MAIN,
  'runtime/cli/help/help.ts',
  'runtime/cli/options/declarations.ts',
  'runtime/cli/options/get.ts',
  'runtime/cli/options/check.ts',
  'runtime/cli/options/listing.ts',
  'runtime/cli/settings/settings.ts',
  'runtime/cli/settings/toml.ts',
  'runtime/cli/settings/ignore-file.ts',
  'runtime/cli/commands/get.ts',
  'runtime/cli/commands/get-many.ts',
  'runtime/cli/commands/check.ts',
  'runtime/cli/commands/cat.ts',
  'runtime/cli/commands/ls.ts',
  'runtime/node/http/http-client.ts',
  'runtime/node/disk/disk-program.ts',
  'runtime/node/tree/tree-program.ts',
  'runtime/node/ledger/sqlite-ledger.ts',
  'functions/storage/remote/remote.ts',
  'functions/coordinator/coordinator.ts',
  'functions/coordinator/read/many-reads.ts',
  'functions/coordinator/directory/directory.ts',
  'functions/coordinator/audit/audit-answer.ts',
]

const loadMain: Plugin = {
  name: 'load-main',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/main\.ts$/ }, () => ({ path: './main.js', external: true }))
  },
}

/** Modules of Node that every run uses, some of them thousands of times. */
const EAGER = ['node:fs', 'node:path', 'node:url']

/**
 * Loads a module of Node when something of it is first used: a run uses few of them. The eager ones are
 * copied once, which esbuild would do for each file that imports them.
 */
const loadNode: Plugin = {
  name: 'load-node',
  setup({ onResolve, onLoad }) {
    // A package that calls `require` may extend what it returns.
    onResolve({ filter: /^node:/, namespace: 'file' }, ({ path, kind }) => {
      return kind === 'require-call' ? { path, external: true } : { path, namespace: 'node' }
    })
    onResolve({ filter: /^node:/, namespace: 'node' }, ({ path }) => ({ path, external: true }))
    onLoad({ filter: /./, namespace: 'node' }, async ({ path }) => {
      const { default: all } = await import(path)
      return { contents: EAGER.includes(path) ? toEager(path, all) : toLate(path, all) }
    })
  },
}

function toEager(path: string, all: object): string {
  // A property with a getter loads more.
  const names = Object.entries(Object.getOwnPropertyDescriptors(all)).flatMap(([name, { get }]) =>
    get ? [] : name,
  )
  return `const all = require('${path}')\nexport const { ${names.join(', ')} } = all\nexport default all`
}

/** The getters are inherited: esbuild copies what is a module's own for each file that imports it. */
function toLate(path: string, all: object): string {
  return `
    let loaded
    const load = () => (loaded ??= require('${path}'))
    const late = { __esModule: true }
    for (const name of ${JSON.stringify(Object.keys(all))})
      Object.defineProperty(late, name, { get: () => load()[name] })
    Object.defineProperty(late, 'default', { get: load })
    module.exports = Object.create(late)`
}

/** Optional peer dependencies. prom-client itself finds the one that it needs. */
const PEERS = /^(prom-client|@opentelemetry\/.*)$/

/** Requires peer dependencies from where the command is, as its parts import nothing but each other. */
const requirePeers: Plugin = {
  name: 'require-peers',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: PEERS }, ({ path, kind }) => {
      return kind === 'import-statement' ? { path, namespace: 'peer' } : { path, external: true }
    })
    onLoad({ filter: /./, namespace: 'peer' }, ({ path }) => ({
      contents: `module.exports = require('${path}')`,
    }))
  },
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const SHARED = {
  absWorkingDir: ROOT,
  entryNames: '[name]',
  bundle: true,
  platform: 'node',
  target: 'node22.18',
  define: { 'import.meta.url': '__url' },
  // Without comments it is all ASCII, which V8 holds in half the memory.
  legalComments: 'external',
  minifyWhitespace: true,
  lineLimit: 120,
  metafile: true,
  logLevel: 'warning',
} as const satisfies BuildOptions

const URL_HERE = "const __url = require('node:url').pathToFileURL(__filename).href;"

/**
 * Bundles the command and the programs of its threads into the directory `outdir`, which Node's packages are
 * found from; `vouch.js` starts it. Each is one file, since a file costs more to find than to load. Returns
 * the paths of the files that went into them, from the repository's root.
 */
export async function bundleCommand(outdir: string): Promise<string[]> {
  const { metafile } = await build({
    ...SHARED,
    entryPoints: ['runtime/cli/vouch.ts', 'runtime/node/threads/*-worker.ts'],
    outdir,
    format: 'cjs',
    plugins: [loadMain, loadNode, requirePeers],
    banner: { js: URL_HERE },
  })
  const main = await bundleMain(outdir)
  await writeFile(join(outdir, 'package.json'), JSON.stringify({ type: 'commonjs' }))
  return [...new Set([...main, ...Object.keys(metafile.inputs)])]
}

/**
 * Bundles what `vouch.js` starts. esbuild makes a part of the files that the same commands use. The parts
 * become functions in two files: V8 keeps no code of those that a command does not call.
 */
async function bundleMain(outdir: string): Promise<string[]> {
  const { outputFiles, metafile } = await build({
    ...SHARED,
    entryPoints: [MAIN],
    outdir,
    write: false,
    splitting: true,
    format: 'esm',
    // @hono/otel is bundled: beside another copy of hono than the server's it fails on every request.
    plugins: [loadNode, requirePeers],
  })
  const files = outputFiles.map(({ path, text }) => ({ name: `./${relative(outdir, path)}`, text }))
  const often = findOften(metafile, outdir)
  const parts = files.filter(({ name }) => name.endsWith('.js'))
  const list = (isOften: boolean) =>
    parts.flatMap(({ name, text }) => (often.has(name) === isOften ? toPart(name, text) : [])).join(',\n')
  await writeScript(outdir, 'main.js', [
    'let __others; const __loaded = {};',
    "const __find = (name) => __parts[name] ?? (__others ??= __run('rest.js')(__load, __import))[name];",
    'const __load = (name) => (__loaded[name] ??= __find(name)());',
    "const __import = async (name) => (name.startsWith('./') ? __load(name) : require(name));",
    `const __parts = {${list(true)}};`,
    "__load('./main.js')",
  ])
  await writeScript(outdir, 'rest.js', [`return (__load, __import) => ({${list(false)}})`])
  const legal = files.flatMap(({ name, text }) => (name.endsWith('.txt') ? text : []))
  await writeFile(join(outdir, 'main.js.LEGAL.txt'), legal.join('\n'))
  return Object.keys(metafile.inputs)
}

/** The names of the parts that `OFTEN` loads and imports. */
function findOften({ outputs }: Metafile, outdir: string): ReadonlySet<string> {
  const names = new Map(
    Object.keys(outputs).map((path) => [path, `./${relative(outdir, resolve(ROOT, path))}`]),
  )
  const found = new Set<string>()
  const add = (path: string) => {
    const name = names.get(path)
    if (name === undefined || found.has(name)) return
    found.add(name)
    for (const { path: imported, kind } of outputs[path]?.imports ?? [])
      if (kind === 'import-statement') add(imported)
  }
  for (const often of OFTEN) {
    const [path] = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === often) ?? []
    if (path === undefined) throw new Error(`no command loads ${often} when it runs`)
    add(path)
  }
  return found
}

/** Writes the function that `runCompiled` runs. */
async function writeScript(outdir: string, name: string, lines: readonly string[]): Promise<void> {
  const text = [`(function (require, __filename, __run) {'use strict';${URL_HERE}`, ...lines, '})'].join('\n')
  if (/[^\x00-\x7f]/.test(text))
    throw new Error(`${name} is not ASCII: a template literal with a tag keeps what is not; interpolate that`)
  await writeFile(join(outdir, name), text)
}

// As esbuild writes them: all imports at the beginning of a part, and its exports at the end.
const IMPORT = /^\s*import\s*(?:\{([^{}]*)\}\s*from\s*)?"(\.\/[^"]+)";/
const DYNAMIC_IMPORT = /\bimport\(\s*("(?:\.\/[^"]+-[A-Z0-9]{8}\.js|@opentelemetry\/[^"]+)")\s*\)/g
const EXPORT = /\bexport\s*(?:\{([^{}]*)\}|default ([^;]*));?\s*$/

/**
 * Makes a function of a part, which is a module. It returns what the module exports, as that is when the
 * module has been evaluated. A part of which nothing is imported is not loaded.
 */
function toPart(name: string, text: string): string {
  // What such a module exports comes later.
  if (text.includes('__esm('))
    throw new Error(`${name}: a CommonJS package requires a module that is bundled`)
  let [rest, code] = [text, '']
  for (let found = IMPORT.exec(rest); found !== null; found = IMPORT.exec(rest)) {
    const [all, names, from] = found
    if (names !== undefined) code += `const{${names.replaceAll(/\s+as\s+/g, ':')}}=__load("${from}");`
    rest = rest.slice(all.length)
  }
  const exported = EXPORT.exec(rest)
  const body = rest.slice(0, exported?.index).replaceAll(DYNAMIC_IMPORT, '__import($1)')
  const [, names = '', whole] = exported ?? []
  const results =
    whole === undefined ? names.replaceAll(/([^,\s]+)\s+as\s+([^,\s]+)/g, '$2:$1') : `default:${whole}`
  return `"${name}"(){${code}${body}return{${results}}}`
}
