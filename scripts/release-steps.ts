import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { API_PATH, createApi } from './api.ts'
import { runVouch, startCluster } from './cluster.ts'
import { demand, install, measure, pack, ROOT } from './installed.ts'
import { walkScenario } from './scenario.ts'

/** Results of earlier steps for later ones. */
export interface Release {
  /** A directory for all steps, which the caller removes. */
  readonly scratch: string
  /** The packed package. */
  tarball?: string
  /** Where it is installed. */
  directory?: string
}

/** One item of the check list. */
export interface Step {
  /** As in docs/releasing.md. */
  readonly title: string
  /** Whether it takes minutes. */
  readonly isLong?: boolean
  /** Resolves with a remark or ''; rejects with the reason when the item fails. */
  readonly check: (release: Release) => Promise<string>
}

/** The check list of docs/releasing.md, in its order. */
export const STEPS: readonly Step[] = [
  { title: 'The working tree is clean', check: checkTree },
  { title: 'CHANGELOG.md has the version and its day', check: checkChangelog },
  { title: 'docs/api.md is up to date', check: checkApi },
  { title: 'Types, walls and lint pass', isLong: true, check: () => runScript('check') },
  { title: 'All tests pass', isLong: true, check: () => runScript('test') },
  { title: 'The package packs', check: checkPack },
  { title: 'It installs in a fresh directory, with production dependencies only', check: checkInstall },
  { title: 'README.md names what that takes', check: checkSize },
  { title: 'Three processes of it agree on Node 24', check: (release) => checkScenario(release, NODE_24) },
  { title: 'Three processes of it agree on Node 22', check: (release) => checkScenario(release, NODE_22) },
]

const NODE_24 = join(ROOT, 'node_modules/node/bin/node')
const NODE_22 = join(ROOT, 'tests/node_modules/node22/bin/node')

async function checkTree(): Promise<string> {
  const status = await demand('git', ['status', '--porcelain'], { cwd: ROOT })
  if (status !== '') throw new Error(`not committed:\n${status.trimEnd()}`)
  return (await demand('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT })).trim()
}

async function checkChangelog(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'))
  const changelog = await readFile(join(ROOT, 'CHANGELOG.md'), 'utf8')
  const heading = changelog.split('\n').find((line) => line.startsWith(`## [${version}]`))
  if (heading === undefined) throw new Error(`it has no heading '## [${version}] - YYYY-MM-DD'`)
  if (!/ - \d{4}-\d{2}-\d{2}$/.test(heading)) throw new Error(`'${heading}' names no day`)
  return heading.slice('## '.length)
}

async function checkApi(): Promise<string> {
  if ((await readFile(API_PATH, 'utf8')) !== createApi()) throw new Error('npm run api writes it')
  return ''
}

async function runScript(name: string): Promise<string> {
  await demand('npm', ['run', '-s', name], { cwd: ROOT })
  return ''
}

async function checkPack(release: Release): Promise<string> {
  release.tarball = await pack(release.scratch)
  return toMebibytes((await stat(release.tarball)).size, 2)
}

async function checkInstall(release: Release): Promise<string> {
  if (release.tarball === undefined) throw new Error('there is nothing to install')
  const directory = join(release.scratch, 'elsewhere')
  await install(release.tarball, directory)
  release.directory = directory
  const { packages, bytes } = await measure(directory)
  return `${packages} packages, ${toMebibytes(bytes)}`
}

async function checkSize({ directory }: Release): Promise<string> {
  const { packages, bytes } = await measure(requireInstalled(directory))
  const words = `${packages} packages, ${toMebibytes(bytes)}`
  if (!(await readFile(join(ROOT, 'README.md'), 'utf8')).includes(words))
    throw new Error(`it does not say '${words}'`)
  return ''
}

async function checkScenario({ directory }: Release, node: string): Promise<string> {
  if (!existsSync(node)) throw new Error('this Node is not installed: npm test installs it')
  const installation = { directory: requireInstalled(directory), node }
  const cluster = await startCluster(installation)
  const faults = await walkScenario(cluster).finally(cluster.stop)
  if (faults.length > 0) throw new Error(faults.join('\n'))
  const { stdout } = await runVouch(installation, ['--version'])
  return `${stdout.trim()} on ${(await demand(node, ['--version'], { cwd: ROOT })).trim()}`
}

function requireInstalled(directory: string | undefined): string {
  if (directory === undefined) throw new Error('nothing is installed')
  return directory
}

function toMebibytes(bytes: number, digits = 0): string {
  return `${(bytes / 1024 / 1024).toFixed(digits)} MiB`
}
