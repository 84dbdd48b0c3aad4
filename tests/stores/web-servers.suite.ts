import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

/** A running web server of another project. The caller that started it stops it. */
export interface WebServer {
  /** Without a slash at its end. */
  readonly url: string
  stop(): Promise<void>
}

/** What each server of nginx has beside `root`. */
export const WITH_LISTINGS = 'autoindex on; autoindex_format json; index .no-index;'

/**
 * nginx over the files of `root`, with these directives for them, and `shared` outside of its server. Its own
 * files lie in `scratch`.
 */
export async function startNginx(
  scratch: string,
  root: string,
  directives: string,
  shared = '',
): Promise<WebServer> {
  const port = await findPort()
  mkdirSync(scratch, { recursive: true })
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${join(scratch, kind)};`)
    .join(' ')
  const conf = join(scratch, 'nginx.conf')
  writeFileSync(
    conf,
    `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; pid ${join(scratch, 'nginx.pid')};
error_log ${join(scratch, 'error.log')}; events {}
http { access_log off; ${temporary} ${shared}
  server { listen 127.0.0.1:${port}; root ${root}; default_type application/octet-stream; ${directives} } }`,
  )
  return await start(spawn('nginx', ['-c', conf, '-p', scratch], { stdio: 'ignore' }), port)
}

/** Python's own: no ETags, no ranges, listings for people. */
export async function startPython(root: string): Promise<WebServer> {
  const options = ['--bind', '127.0.0.1', '--directory', root]
  return await startSimple('python3', (port) => ['-m', 'http.server', port, ...options])
}

/** Caddy over the files of `root`, with this directive for them. Its own files lie in `scratch`. */
export async function startCaddy(
  scratch: string,
  root: string,
  directive = 'file_server browse',
): Promise<WebServer> {
  const port = await findPort()
  mkdirSync(scratch, { recursive: true })
  const conf = join(scratch, 'Caddyfile')
  writeFileSync(
    conf,
    `{
  admin off
}
http://127.0.0.1:${port} {
  bind 127.0.0.1
  root * ${root}
  ${directive}
}`,
  )
  const env = { ...process.env, XDG_DATA_HOME: scratch, XDG_CONFIG_HOME: scratch }
  const options = ['run', '--config', conf, '--adapter', 'caddyfile']
  return await start(spawn('caddy', options, { stdio: 'ignore', env }), port)
}

/** What Apache has about `root` to list it by WebDAV, which it refuses for directories with an index page. */
export const WITH_WEBDAV = 'Dav On\nDirectoryIndex disabled'

/**
 * Apache over the files of `root`, which it does not list, with more `modules` and these lines about `root`.
 * Its own files lie in `scratch`.
 */
export async function startApache(
  scratch: string,
  root: string,
  modules: readonly string[] = [],
  lines = '',
): Promise<WebServer> {
  const port = await findPort()
  mkdirSync(scratch, { recursive: true })
  const conf = join(scratch, 'apache2.conf')
  const loads = ['mpm_event', 'authz_core', 'dir', ...modules].map(
    (name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`,
  )
  writeFileSync(
    conf,
    `${loads.join('\n')}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${join(scratch, 'pid')}
DefaultRuntimeDir ${scratch}
ErrorLog ${join(scratch, 'error.log')}
DocumentRoot ${root}
${modules.includes('dav_fs') ? `DavLockDB ${join(scratch, 'locks')}` : ''}
<Directory ${root}>
  Require all granted
  ${lines}
</Directory>`,
  )
  const options = ['-f', conf, '-D', 'FOREGROUND']
  return await start(spawn('apache2', options, { stdio: 'ignore' }), port)
}

/**
 * lighttpd over the files of `root`, which it does not list, with these lines. Its own files lie in
 * `scratch`.
 */
export async function startLighttpd(scratch: string, root: string, lines = ''): Promise<WebServer> {
  const port = await findPort()
  mkdirSync(scratch, { recursive: true })
  const conf = join(scratch, 'lighttpd.conf')
  writeFileSync(
    conf,
    `server.document-root = "${root}"
server.bind = "127.0.0.1"
server.port = ${port}
server.errorlog = "${join(scratch, 'error.log')}"
mimetype.assign = ( ".txt" => "text/plain" )
${lines}`,
  )
  return await start(spawn('lighttpd', ['-D', '-f', conf], { stdio: 'ignore' }), port)
}

/** h2o over the files of `root`, which it lists. Its own files lie in `scratch`. */
export async function startH2o(scratch: string, root: string): Promise<WebServer> {
  const port = await findPort()
  mkdirSync(scratch, { recursive: true })
  const conf = join(scratch, 'h2o.conf')
  writeFileSync(
    conf,
    `${process.getuid?.() === 0 ? 'user: root' : ''}
num-threads: 1
listen: { host: 127.0.0.1, port: ${port} }
hosts: { default: { paths: { "/": { file.dir: "${root}", file.dirlisting: ON } } } }`,
  )
  return await start(spawn('h2o', ['-c', conf], { stdio: 'ignore' }), port)
}

/** `rclone serve` of this kind over the files of `root`, which it lists. */
export async function startRclone(kind: 'http' | 'webdav', root: string): Promise<WebServer> {
  const options = ['serve', kind, root, '--read-only', '--config', '']
  return await startSimple('rclone', (port) => [...options, '--addr', `127.0.0.1:${port}`])
}

/** A server without files of its own, started as `program` with what `toArguments` makes of its port. */
export async function startSimple(
  program: string,
  toArguments: (port: string) => readonly string[],
): Promise<WebServer> {
  const port = await findPort()
  return await start(spawn(program, toArguments(`${port}`), { stdio: 'ignore' }), port)
}

/**
 * Varnish before the server at `origin`, with these lines of its language. Its own files lie in `scratch`.
 */
export async function startVarnish(scratch: string, origin: string, lines = ''): Promise<WebServer> {
  const port = await findPort()
  mkdirSync(scratch, { recursive: true })
  const conf = join(scratch, 'default.vcl')
  writeFileSync(
    conf,
    `vcl 4.1;
backend origin { .host = "127.0.0.1"; .port = "${new URL(origin).port}"; }
${lines}`,
  )
  const options = ['-F', '-n', join(scratch, 'work'), '-a', `127.0.0.1:${port}`, '-f', conf]
  return await start(spawn('varnishd', [...options, '-s', 'malloc,16m'], { stdio: 'ignore' }), port)
}

async function start(child: ChildProcess, port: number): Promise<WebServer> {
  const url = `http://127.0.0.1:${port}`
  const ended = once(child, 'exit')
  while (!(await fetch(url, { method: 'HEAD' }).catch(() => null))) {
    if (child.exitCode !== null) throw new Error(`the web server ended with ${child.exitCode}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return {
    url,
    async stop() {
      child.kill()
      await ended
    },
  }
}

/** A port that was free a moment ago. */
export async function findPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
