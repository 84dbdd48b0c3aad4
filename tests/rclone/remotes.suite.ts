import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { openRclone } from '../../runtime/node/rclone/rclone-server.ts'
import { findPort } from '../stores/web-servers.suite.ts'

type Settings = Readonly<Record<string, string>>

/** Remotes of rclone in one configuration. The caller that made them stops them. */
export interface Remotes {
  readonly env: Readonly<Record<string, string | undefined>>
  stop(): Promise<void>
}

/** Writes a configuration of rclone in `directory`, and returns the environment that names it. */
export function configure(directory: string, remotes: Readonly<Record<string, Settings>>) {
  const config = join(directory, 'rclone.conf')
  const toLines = (settings: Settings) => Object.entries(settings).map((setting) => setting.join(' = '))
  const sections = Object.entries(remotes).map(([name, settings]) =>
    [`[${name}]`, ...toLines(settings), ''].join('\n'),
  )
  writeFileSync(config, sections.join('\n'))
  return { ...process.env, RCLONE_CONFIG: config }
}

/** A password as rclone stores it. */
export function obscure(password: string): string {
  return execFileSync('rclone', ['obscure', password], { encoding: 'utf8' }).trim()
}

/** The two trees that are compared, and their differences. */
export interface Trees {
  readonly here: string
  readonly there: string
  readonly names: readonly string[]
  /** The lines of `check`, in any order. */
  readonly lines: readonly string[]
}

const OLD = new Date('2026-01-01T00:00:00Z')

/**
 * Writes two trees of `count` names in the directories `one` and `two`. The first 15 names differ: by content
 * alone, missing there, or missing here.
 */
export function writeTrees(directory: string, count: number): Trees {
  const [here, there] = [join(directory, 'here'), join(directory, 'there')]
  const names = Array.from(
    { length: count },
    (_, i) => `${i < count / 2 ? 'one' : 'two'}/${String(i).padStart(4, '0')}`,
  )
  const differing = new Set(names.filter((_, i) => i % Math.floor(count / 15) === 0).slice(0, 15))
  const lines: string[] = []
  for (const name of names) {
    const mark = differing.has(name) ? '*+-'.charAt(lines.length % 3) : '='
    if (mark !== '=') lines.push(`${mark} ${name}`)
    if (mark !== '-') write(here, name, `content ${name}`)
    if (mark !== '+') write(there, name, mark === '*' ? `CONTENT ${name}` : `content ${name}`)
  }
  return { here, there, names, lines: lines.sort() }
}

function write(root: string, name: string, text: string): void {
  const path = join(root, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  utimesSync(path, OLD, OLD)
}

/** The addresses of ten remotes that have the tree of `there`. */
export function toAddresses(there: string): string[] {
  const others = ['crypt', 'compress', 'chunker', 'alias', 'union', 'combine', 'webdav', 'ftp']
  return [...others.map((name) => `${name}:`), `local:${there}`, `sftp:${there}`]
}

/**
 * Starts the servers behind those remotes, which keep their files below `directory`. Beside them are
 * `otherpassword`, which is `crypt` with another password; `shell`, which is `sftp` with hashes; and `gone`,
 * which does not answer.
 */
export async function startRemotes(directory: string, there: string): Promise<Remotes> {
  const stops: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const one of stops) await one()
  }
  try {
    return { env: await startAll(directory, there, stops), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Adds to `stops` what it has started, as soon as it has. */
async function startAll(
  directory: string,
  there: string,
  stops: (() => Promise<void>)[],
): Promise<Remotes['env']> {
  const below = (name: string) => {
    const path = join(directory, name)
    mkdirSync(path, { recursive: true })
    return path
  }

  async function start(program: string, args: readonly string[], port: number): Promise<void> {
    const child = spawn(program, args, { stdio: 'ignore' })
    const ended = once(child, 'exit')
    stops.push(async () => {
      child.kill()
      await ended
    })
    while (!(await accepts(port))) {
      if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async function startWebdav(): Promise<number> {
    const port = await findPort()
    await start('rclone', ['serve', 'webdav', there, '--addr', `127.0.0.1:${port}`], port)
    return port
  }

  async function startFtp(): Promise<number> {
    const port = await findPort()
    const config = join(below('ftp'), 'vsftpd.conf')
    const settings = { ...FTP, listen_port: port, anon_root: there, secure_chroot_dir: below('empty') }
    writeFileSync(
      config,
      Object.entries(settings)
        .map((setting) => `${setting.join('=')}\n`)
        .join(''),
    )
    await start('/usr/sbin/vsftpd', [config], port)
    return port
  }

  /** OpenSSH, which lets this user in by a key. */
  async function startSsh(): Promise<Settings> {
    const port = await findPort()
    const [host, key] = [join(below('ssh'), 'host'), join(below('ssh'), 'user')]
    for (const path of [host, key]) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path])
    const config = join(below('ssh'), 'sshd_config')
    const own = [`Port ${port}`, `HostKey ${host}`, `AuthorizedKeysFile ${key}.pub`]
    writeFileSync(config, `${[...SSH, ...own].join('\n')}\n`)
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true })
    await start('/usr/sbin/sshd', ['-D', '-f', config], port)
    return { type: 'sftp', host: '127.0.0.1', port: String(port), user: userInfo().username, key_file: key }
  }

  const [disk1, disk2] = [below('disk1'), below('disk2')]
  const options = { recursive: true, preserveTimestamps: true }
  cpSync(join(there, 'one'), join(disk1, 'one'), options)
  cpSync(join(there, 'two'), join(disk2, 'two'), options)
  const [webdav, ftp, sftp] = await Promise.all([startWebdav(), startFtp(), startSsh()])
  const toWebdav = (port: number) => ({ type: 'webdav', url: `http://127.0.0.1:${port}`, vendor: 'other' })
  const configured = configure(directory, {
    local: { type: 'local' },
    crypt: { type: 'crypt', remote: below('below'), password: obscure('one') },
    otherpassword: { type: 'crypt', remote: below('below'), password: obscure('other') },
    compress: { type: 'compress', remote: below('packed') },
    chunker: { type: 'chunker', remote: below('chunks'), chunk_size: '5B' },
    alias: { type: 'alias', remote: `local:${there}` },
    union: { type: 'union', upstreams: `${disk1} local:${disk2}` },
    combine: { type: 'combine', upstreams: `one=${disk1}/one "two=${disk2}/two"` },
    // A shell for each hash may take a second to start.
    sftp: { ...sftp, disable_hashcheck: 'true' },
    shell: sftp,
    webdav: toWebdav(webdav),
    ftp: { type: 'ftp', host: '127.0.0.1', port: String(ftp), user: 'anonymous', pass: obscure('x') },
    gone: toWebdav(await findPort()),
  })
  // By default rclone tries `gone` for more than a minute.
  const env = { ...configured, RCLONE_LOW_LEVEL_RETRIES: '1' }
  const rclone = await openRclone(env)
  stops.push(rclone.close)
  for (const remote of ['crypt', 'compress', 'chunker']) {
    const answer = await rclone.call('sync/copy', { srcFs: there, dstFs: `${remote}:` }, v.object({}))
    if (typeof answer === 'string') throw new Error(`${remote}: ${answer}`)
  }
  return env
}

/** vsftpd, which lets anybody in. */
const FTP = {
  ...{
    listen: 'YES',
    background: 'NO',
    listen_address: '127.0.0.1',
    xferlog_enable: 'NO',
    seccomp_sandbox: 'NO',
  },
  ...{
    anonymous_enable: 'YES',
    no_anon_password: 'YES',
    run_as_launching_user: 'YES',
    allow_writeable_chroot: 'YES',
  },
}

const SSH = [
  ...['ListenAddress 127.0.0.1', 'StrictModes no', 'UsePAM no', 'PidFile none', 'PermitRootLogin yes'],
  'Subsystem sftp internal-sftp',
]

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  })
  socket.destroy()
  return isOpen
}
