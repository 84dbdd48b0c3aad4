import { readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'

/** Files of their own, which `runCompiled` loads: what `vouch.js` starts, and what only few runs load. */
const APART = ['runtime/cli/main.ts', 'runtime/cli/settings/toml.ts']
const APART_NAMES = APART.map((path) => basename(path, '.ts'))

const loadApart: Plugin = {
  name: 'load-apart',
  setup({ onResolve }) {
    onResolve({ filter: new RegExp(`^\\./(${APART_NAMES.join('|')})\\.ts$`) }, ({ path }) => ({
      path: path.replace(/ts$/, 'js'),
      external: true,
    }))
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

/**
 * Bundles the command and the programs of its threads into the directory `outdir`, which Node's packages are
 * found from; `vouch.js` starts it. Each is one file, since a file costs more to find than to load. Returns
 * the paths of the files that went into them, from the repository's root.
 */
export async function bundleCommand(outdir: string): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: fileURLToPath(new URL('..', import.meta.url)),
    entryPoints: ['runtime/cli/vouch.ts', ...APART, 'runtime/node/threads/*-worker.ts'],
    entryNames: '[name]',
    outdir,
    bundle: true,
    // A module is then evaluated when it is first imported, with those of Node that it imports.
    format: 'cjs',
    platform: 'node',
    plugins: [loadApart, loadNode],
    // Optional peer dependencies; prom-client itself finds the one that it needs. @hono/otel is bundled:
    // beside another copy of hono than the server's it fails on every request.
    external: ['@opentelemetry/*', 'prom-client'],
    target: 'node22.18',
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': '__url' },
    banner: { js: "const __url = require('node:url').pathToFileURL(__filename).href;" },
    // Without comments it is all ASCII, which V8 holds in half the memory.
    legalComments: 'external',
    minifyWhitespace: true,
    lineLimit: 120,
    metafile: true,
    logLevel: 'warning',
  })
  for (const name of APART_NAMES) await wrap(join(outdir, `${name}.js`))
  await writeFile(join(outdir, 'package.json'), JSON.stringify({ type: 'commonjs' }))
  return Object.keys(metafile.inputs)
}

/** Makes a CommonJS file the function that `runCompiled` runs. */
async function wrap(path: string): Promise<void> {
  const text = await readFile(path, 'utf8')
  if (/[^\x00-\x7f]/.test(text))
    throw new Error(`${path} is not ASCII: a template literal with a tag keeps what is not; interpolate that`)
  await writeFile(path, `(function (exports, require, module, __filename, __dirname) {${text}\n})`)
}
