import { execFileSync } from 'node:child_process'
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

// Makes plain JavaScript of the sources, into the directory it is given (dist), whatever that holds:
//   functions/ and runtime/   file by file, with types: the library
//   command/                  the command in a few files: loading sixty takes longer than most of what it does

const root = fileURLToPath(new URL('..', import.meta.url))
const outdir = resolve(process.argv[2] ?? join(root, 'dist'))

rmSync(outdir, { recursive: true, force: true })
buildLibrary()
await buildCommand()

function buildLibrary(): void {
  const args = ['-p', join(root, 'tsconfig.build.json'), '--outDir', outdir]
  execFileSync(join(root, 'node_modules/.bin/tsc'), args, { stdio: 'inherit' })
}

async function buildCommand(): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['runtime/cli/vouch.ts', 'runtime/node/*-worker.ts'],
    entryNames: '[name]',
    outdir: join(outdir, 'command'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    // Optional, and of whoever installs them; prom-client finds by itself the one of them that it needs.
    external: ['@hono/otel', '@opentelemetry/*', 'prom-client'],
    target: 'node22.18',
    // Some of what is bundled is CommonJS, and loads with `require` what Node has built in.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    metafile: true,
    logLevel: 'warning',
  })
  writeFileSync(join(outdir, 'command/LICENSES.txt'), toLicenses(Object.keys(metafile.inputs)))
}

/** The licences of the packages that the command holds copies of, as those ask. */
function toLicenses(inputs: readonly string[]): string {
  const folders = inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [])
  return [...new Set(folders)].sort().map(toLicense).join('\n')
}

function toLicense(folder: string): string {
  const [file] = globSync('LICEN[CS]E*', { cwd: join(root, folder) })
  if (file === undefined) throw new Error(`${folder} has no licence that could go with a copy of it`)
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length)
  return `=== ${name} ===\n\n${readFileSync(join(root, folder, file), 'utf8').trim()}\n`
}
