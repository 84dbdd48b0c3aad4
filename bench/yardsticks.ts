import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CONFLICT, LARGE, MEDIUM_BYTES, SMALL, SMALL_BYTES } from './files.ts'
import { findFreePort, type Running } from './processes.ts'
import type { Setting } from './setting.ts'

/** Starts the bare Node server; `tree` holds the file that it pipes. */
export async function startBare({ processes }: Setting, tree: string): Promise<Running> {
  const args = [toPath('bare-server.ts'), String(SMALL_BYTES), String(MEDIUM_BYTES), join(tree, LARGE)]
  return await processes.start('node', process.execPath, args)
}

/** Starts Hono's hello. */
export async function startHono({ processes }: Setting): Promise<Running> {
  return await processes.start('hono', process.execPath, [toPath('hono-server.ts')])
}

/** Starts nginx, in one process as all others here, over `tree`. */
export async function startNginx({ processes, scratch }: Setting, tree: string): Promise<Running> {
  const directory = join(scratch, 'nginx')
  mkdirSync(directory)
  const port = await findFreePort()
  const configuration = join(directory, 'nginx.conf')
  writeFileSync(configuration, toNginxConfiguration(directory, tree, port))
  const args = ['-c', configuration, '-e', join(directory, 'error.log')]
  return await processes.start('nginx', 'nginx', args, { port })
}

function toNginxConfiguration(directory: string, tree: string, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `daemon off; master_process off; pid ${directory}/pid; error_log ${directory}/error.log;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
  ${temporary.map((name) => `${name}_temp_path ${directory}/${name};`).join(' ')}
  server { listen 127.0.0.1:${port} backlog=1024; root ${tree}; }
}
`
}

/** The original scripts: `server1` answers clients and asks `server2`. */
export interface Seed {
  readonly port: number
  readonly all: readonly Running[]
}

/**
 * Starts copies of the original scripts in a directory of their own, over the small files of `trees`. Three things are
 * changed in them: the two port numbers, and the address that they listen on, to 127.0.0.1.
 */
export async function startSeed(setting: Setting, trees: readonly string[], seed: string): Promise<Seed> {
  const cwd = join(setting.scratch, 'seed')
  const ports = { 6001: await findFreePort(), 6002: await findFreePort() }
  for (const [i, name] of ['server1', 'server2'].entries()) {
    const files = join(cwd, `${name}_files`)
    mkdirSync(files, { recursive: true })
    for (const file of [SMALL, CONFLICT]) copyFileSync(join(trees[i] ?? '', file), join(files, file))
    const script = readFileSync(join(seed, `${name}.py`), 'utf8')
    writeFileSync(join(cwd, `${name}.py`), adapt(script, ports))
  }
  const start = async (name: string, port: number) =>
    await setting.processes.start(name, 'python3', [`${name}.py`], { cwd, port })
  const server2 = await start('server2', ports[6002])
  const server1 = await start('server1', ports[6001])
  return { port: ports[6001], all: [server1, server2] }
}

function adapt(script: string, ports: Readonly<Record<6001 | 6002, number>>): string {
  return script
    .replaceAll('"0.0.0.0"', '"127.0.0.1"')
    .replace(/\b6001\b/, String(ports[6001]))
    .replace(/\b6002\b/, String(ports[6002]))
}

function toPath(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url))
}
