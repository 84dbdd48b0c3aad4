import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** The root of the sources. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** The result of a program. */
export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** How a program is run; by default with this process's environment. */
export interface RunOptions {
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv | undefined
}

/** Runs a program to its end, with any exit status. Rejects when it cannot be started. */
export async function run(program: string, args: readonly string[], options: RunOptions): Promise<Ran> {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const [[status], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ])
  return { status, stdout, stderr }
}

/**
 * Runs a program and resolves with its standard output. Rejects with all its output when its exit status is
 * not 0.
 */
export async function demand(program: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { status, stdout, stderr } = await run(program, args, options)
  if (status === 0) return stdout
  throw new Error(`${[program, ...args].join(' ')} ended with ${status}:\n${stdout}${stderr}`)
}

/** `env` with this Node first in PATH, so that npm, npx and the command run on it. */
export function withNode(node: string, env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return { ...env, PATH: [dirname(node), env['PATH']].join(delimiter) }
}

/** Packs the package into the directory `into`, and resolves with the path of the tarball. */
export async function pack(into: string): Promise<string> {
  const args = ['pack', '--json', '--pack-destination', into]
  await demand('npm', args, { cwd: ROOT, env: withNode(process.execPath) })
  const tarballs = (await readdir(into)).filter((name) => /^vouch-.*\.tgz$/.test(name))
  if (tarballs.length !== 1) throw new Error(`npm pack made ${tarballs.length} tarballs in ${into}`)
  return join(into, String(tarballs[0]))
}

/**
 * Makes the directory `into` a package that has `tarball` installed, as a user does: `npm init`, `npm i`.
 * Its dependencies come from `registry`, or from npm's own.
 */
export async function install(tarball: string, into: string, registry?: string): Promise<void> {
  await mkdir(into, { recursive: true })
  const where = { cwd: into, env: withNode(process.execPath) }
  const from = registry === undefined ? [] : ['--registry', registry, '--cache', join(into, '.npm-cache')]
  await demand('npm', ['init', '-y'], where)
  await demand('npm', ['pkg', 'set', 'type=module'], where)
  await demand('npm', ['install', '--no-audit', '--no-fund', ...from, tarball], where)
}

/** The size of an installed tree. */
export interface Size {
  readonly packages: number
  /** Of all files. */
  readonly bytes: number
}

/** The size of `node_modules` below `directory`. */
export async function measure(directory: string): Promise<Size> {
  const list = await demand('npm', ['ls', '--all', '--parseable'], { cwd: directory })
  const du = await demand('du', ['-sb', '--exclude=.bin', 'node_modules'], { cwd: directory })
  return { packages: list.trim().split('\n').length - 1, bytes: Number.parseInt(du, 10) }
}
