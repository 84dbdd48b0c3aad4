import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { serve } from '../../runtime/node/http/serve.ts'
import { demand, ROOT } from '../../scripts/installed.ts'

/** A registry on this machine. The caller closes it. */
export interface Registry {
  readonly url: string
  close(): Promise<void>
}

/** A package that is installed here. */
interface Held {
  readonly path: string
  /** Its package.json. */
  readonly about: { readonly name: string; readonly version: string }
}

/**
 * Starts a registry, on any free port, that holds the dependencies of vouch, packed from those installed
 * here.
 */
export async function startRegistry(): Promise<Registry> {
  const list = await demand('npm', ['ls', '--omit=dev', '--all', '--parseable'], { cwd: ROOT })
  const held = list.trim().split('\n').slice(1).map(readHeld)
  return await serve((request) => answer(held, new URL(request.url)), { host: '127.0.0.1', port: 0 })
}

function readHeld(path: string): Held {
  // What npm has installed has a package.json with both.
  return { path, about: JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as Held['about'] }
}

/** `/{name}` lists the versions of a package, `/{name}/-/{version}.tgz` a tarball of it. */
async function answer(held: readonly Held[], { origin, pathname }: URL): Promise<Response> {
  const [name = '', version] = decodeURIComponent(pathname)
    .slice(1)
    .split(/\/-\/|\.tgz$/)
  const found = held.filter(({ about }) => about.name === name)
  const wanted = found.find(({ about }) => about.version === version)
  if (wanted !== undefined) return new Response(await toTarball(wanted.path))
  if (found.length === 0 || version !== undefined) return new Response('not here', { status: 404 })
  return Response.json(toPackument(found, origin))
}

function toPackument(found: readonly Held[], origin: string) {
  const versions = found.map(({ about }) => {
    const tarball = `${origin}/${about.name}/-/${about.version}.tgz`
    return [about.version, { ...about, dist: { tarball } }] as const
  })
  const [name, latest] = [found[0]?.about.name, versions.at(-1)?.[0]]
  return { name, 'dist-tags': { latest }, versions: Object.fromEntries(versions) }
}

/** npm strips the first folder of each path, with any name. */
async function toTarball(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const args = ['-cz', '--exclude=node_modules', '-C', dirname(path), basename(path)]
  const { stdout } = spawn('tar', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  return new Uint8Array(await buffer(stdout))
}
