import { execFileSync } from 'node:child_process'
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleCommand } from './bundle-command.ts'

// Compiles the sources to JavaScript, in the given directory (dist), whose old content it removes:
//   functions/ and runtime/   file by file, with types: the library
//   command/                  the command in a few files: loading sixty takes longer than most runs

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
  const inputs = await bundleCommand(join(outdir, 'command'))
  writeFileSync(join(outdir, 'command/LICENSES.txt'), toLicenses(inputs))
}

/** The licences of all packages that are bundled with the command. */
function toLicenses(inputs: readonly string[]): string {
  const folders = inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [])
  return [...new Set(folders)].sort().map(toLicense).join('\n')
}

function toLicense(folder: string): string {
  const [file] = globSync('LICEN[CS]E*', { cwd: join(root, folder) })
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length)
  const text = file === undefined ? toDeclared(folder) : readFileSync(join(root, folder, file), 'utf8').trim()
  return `=== ${name} ===\n\n${text}\n`
}

/** The licence that a package declares, for one that holds no text of it. Throws when it declares none. */
function toDeclared(folder: string): string {
  const { license, repository } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
  if (!license) throw new Error(`${folder} has no licence that could go with a copy of it`)
  return `${license}; see ${repository?.url}`
}
