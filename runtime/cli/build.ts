import { rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

// Makes plain JavaScript of the command, in a few files: loading sixty sources takes longer than most of what it does.
// Takes the directory to put them in (dist), whatever it holds.

const root = fileURLToPath(new URL('../..', import.meta.url))
const outdir = resolve(process.argv[2] ?? `${root}dist`)

rmSync(outdir, { recursive: true, force: true })
await build({
  absWorkingDir: root,
  entryPoints: ['runtime/cli/vouch.ts', 'runtime/node/*-worker.ts'],
  entryNames: '[name]',
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.18',
  // Some of what is bundled is CommonJS, and loads with `require` what Node has built in.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
})
