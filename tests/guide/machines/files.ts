import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The files in root's home on new machines. The caller removes `directory`. */
export interface MachineFiles {
  readonly directory: string
  /** The owner's key, which lets in. */
  readonly ofServers: string
  /** The key to show, an archive of Node as nodejs.org has it, and vouch's package. */
  readonly ofClient: string
}

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url))

/** Makes the files; the package is `tarball`, or put together from the sources when that is null. */
export function makeFiles(tarball: string | null, tell: (line: string) => void): MachineFiles {
  const directory = mkdtempSync(join(tmpdir(), 'vouch-guide-'))
  const [ofServers, ofClient] = ['server', 'client'].map((name) => join(directory, name)) as [string, string] // two for two
  for (const path of [ofServers, ofClient]) mkdirSync(join(path, '.ssh'), { recursive: true })
  const key = join(ofClient, '.ssh/id_ed25519')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  copyFileSync(`${key}.pub`, join(ofServers, '.ssh/authorized_keys'))
  packNode(directory, ofClient)
  tell(`Node ${process.version} in an archive put together here`)
  if (tarball === null) tell('vouch in a package put together here from the sources')
  copyFileSync(tarball ?? packVouch(directory), join(ofClient, 'vouch-0.1.0.tgz'))
  return { directory, ofServers, ofClient }
}

/** An archive with the layout of nodejs.org's, of the Node that runs this and the npm that is installed. */
function packNode(directory: string, to: string): void {
  const name = `node-${process.version}-linux-x64`
  const root = join(directory, name)
  mkdirSync(join(root, 'bin'), { recursive: true })
  mkdirSync(join(root, 'lib/node_modules'), { recursive: true })
  copyFileSync(process.execPath, join(root, 'bin/node'))
  const npm = join(execFileSync('npm', ['root', '--global'], { encoding: 'utf8' }).trim(), 'npm')
  cpSync(npm, join(root, 'lib/node_modules/npm'), { recursive: true, dereference: true })
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'bin/npm'))
  const env = { ...process.env, XZ_OPT: '-0 -T0' }
  execFileSync('tar', ['-cJf', join(to, `${name}.tar.xz`), '-C', directory, name], { env })
}

/** The package with everything that it depends on inside: these machines reach no registry. */
function packVouch(directory: string): string {
  const root = join(directory, 'package')
  execFileSync(process.execPath, [join(REPOSITORY, 'scripts/build.ts'), join(root, 'dist')])
  cpSync(join(REPOSITORY, 'deploy'), join(root, 'deploy'), { recursive: true })
  const list = ['ls', '--omit=dev', '--all', '--parseable']
  const dependencies = execFileSync('npm', list, { cwd: REPOSITORY, encoding: 'utf8' }).trim().split('\n')
  for (const path of dependencies.slice(1)) {
    cpSync(path, join(root, relative(REPOSITORY, path)), { recursive: true })
  }
  // The package.json of this repository is an object.
  const about = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as object
  writeFileSync(join(root, 'package.json'), JSON.stringify({ ...about, bundleDependencies: true }))
  const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', directory]
  return join(directory, execFileSync('npm', pack, { cwd: root, encoding: 'utf8' }).trim())
}
