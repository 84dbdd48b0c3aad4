import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hash, toBytes } from '../../functions/storage/suite/set-up.suite.ts'
import { describeOne, expectTrouble } from '../../functions/storage/suite/suite-tools.suite.ts'
import { createStage } from '../../runtime/cli/stage.suite.ts'
import { openRcloneStorage } from '../../runtime/node/rclone/open-rclone.ts'
import { openRclone, type RcloneServer } from '../../runtime/node/rclone/rclone-server.ts'
import { createRcloneHome, obscure } from './rclone.suite.ts'
import { findPort } from './web-servers.suite.ts'

const home = createRcloneHome()
const [here, there] = [home.makeDirectory('here'), home.makeDirectory('there')]
const OLD = new Date('2026-01-01T00:00:00Z')
/** 25 names, in byte order, each of content of its own. */
const NAMES = Array.from({ length: 25 }, (_, i) => `${i < 12 ? 'one' : 'two'}/${String(i).padStart(2, '0')}`)
/** The first 15 differ: by content only, missing there, or missing here. */
const MARKS = NAMES.map((_, i) => (i < 15 ? '*+-'.charAt(i % 3) : '='))
const LINES = NAMES.flatMap((name, i) => (MARKS[i] === '=' ? [] : `${MARKS[i]} ${name}`)).sort()

const OPTIONS = { env: home.env, indexPath: null, onNotice: () => {} }

let rclone: RcloneServer | undefined
const stops: (() => Promise<void>)[] = []

function write(root: string, name: string, text: string): void {
  const path = join(root, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  utimesSync(path, OLD, OLD)
}

/** Starts a server that ends with this test file, and waits until it accepts connections. */
async function startServer(
  program: string,
  args: readonly string[],
  port: number,
  env = process.env,
): Promise<void> {
  const child = spawn(program, args, { stdio: 'ignore', env })
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

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  })
  socket.destroy()
  return isOpen
}

async function serveByRclone(kind: string): Promise<number> {
  const port = await findPort()
  await startServer('rclone', ['serve', kind, there, '--addr', `127.0.0.1:${port}`], port, home.env)
  return port
}

/** vsftpd, which lets anybody in. */
async function startFtp(): Promise<number> {
  const port = await findPort()
  const config = join(home.makeDirectory('ftp'), 'vsftpd.conf')
  const settings = [
    ...[
      'listen=YES',
      'background=NO',
      'listen_address=127.0.0.1',
      `listen_port=${port}`,
      'anonymous_enable=YES',
    ],
    ...[
      'no_anon_password=YES',
      `anon_root=${there}`,
      'run_as_launching_user=YES',
      'allow_writeable_chroot=YES',
    ],
    ...[`secure_chroot_dir=${home.makeDirectory('empty')}`, 'xferlog_enable=NO', 'seccomp_sandbox=NO'],
  ]
  writeFileSync(config, `${settings.join('\n')}\n`)
  await startServer('/usr/sbin/vsftpd', [config], port)
  return port
}

/** OpenSSH, which lets this user in by a key; the path of that. */
async function startSsh(): Promise<{ readonly port: number; readonly key: string }> {
  const port = await findPort()
  const directory = home.makeDirectory('ssh')
  const [host, key] = [join(directory, 'host'), join(directory, 'user')]
  for (const path of [host, key]) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path])
  const config = join(directory, 'sshd_config')
  const settings = [
    ...[`Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${host}`, `AuthorizedKeysFile ${key}.pub`],
    ...['StrictModes no', 'UsePAM no', 'PidFile none', 'PermitRootLogin yes', 'Subsystem sftp internal-sftp'],
  ]
  writeFileSync(config, `${settings.join('\n')}\n`)
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true })
  await startServer('/usr/sbin/sshd', ['-D', '-f', config], port)
  return { port, key }
}

beforeAll(async () => {
  for (const [i, name] of NAMES.entries()) {
    if (MARKS[i] !== '-') write(here, name, `content ${name}`)
    if (MARKS[i] !== '+') write(there, name, MARKS[i] === '*' ? `CONTENT ${name}` : `content ${name}`)
  }
  const [below, chunks, packed] = ['below', 'chunks', 'packed'].map((name) => home.makeDirectory(name))
  const [disk1, disk2] = [home.makeDirectory('disk1'), home.makeDirectory('disk2')]
  cpSync(join(there, 'one'), join(disk1, 'one'), { recursive: true, preserveTimestamps: true })
  cpSync(join(there, 'two'), join(disk2, 'two'), { recursive: true, preserveTimestamps: true })
  const [web, dav, ftp, ssh] = await Promise.all([
    serveByRclone('http'),
    serveByRclone('webdav'),
    startFtp(),
    startSsh(),
  ])
  home.configure({
    local: { type: 'local' },
    crypt: { type: 'crypt', remote: below ?? '', password: obscure('one') },
    otherpassword: { type: 'crypt', remote: below ?? '', password: obscure('other') },
    compress: { type: 'compress', remote: packed ?? '' },
    chunker: { type: 'chunker', remote: chunks ?? '', chunk_size: '5' },
    alias: { type: 'alias', remote: `local:${there}` },
    union: { type: 'union', upstreams: `${disk1} local:${disk2}` },
    combine: { type: 'combine', upstreams: `one=${disk1}/one "two=${disk2}/two"` },
    sftp: {
      type: 'sftp',
      host: '127.0.0.1',
      port: String(ssh.port),
      user: userInfo().username,
      key_file: ssh.key,
    },
    webdav: { type: 'webdav', url: `http://127.0.0.1:${dav}`, vendor: 'other' },
    ftp: { type: 'ftp', host: '127.0.0.1', port: String(ftp), user: 'anonymous', pass: obscure('x') },
    http: { type: 'http', url: `http://127.0.0.1:${web}` },
    gone: { type: 'http', url: `http://127.0.0.1:${await findPort()}` },
  })
  rclone = await openRclone(home.env)
  for (const remote of ['crypt', 'compress', 'chunker']) {
    expect(await rclone.call('sync/copy', { srcFs: there, dstFs: `${remote}:` }, v.object({}))).toEqual({})
  }
})

afterAll(async () => {
  await rclone?.close()
  for (const stop of stops) await stop()
  home.remove()
})

/** Runs a command with a directory, and one behind rclone. */
async function run(command: readonly string[], address: string, directory = here) {
  const replicas = ['--replica', `here=${directory}`, '--replica', `there=rclone:${address}`]
  return await createStage().run([...command, ...replicas], { env: home.env })
}

describe.each([
  ...['crypt:', 'compress:', 'chunker:', 'alias:', 'union:', 'combine:', 'webdav:', 'ftp:', 'http:'],
  ...[`local:${there}`, `sftp:${there}`],
])('files on %s', (address) => {
  test('are found to differ or to be missing where they do, and are delivered', async () => {
    const { status, stdout } = await run(['check'], address)
    expect([status, stdout.trimEnd().split('\n').sort()]).toEqual([1, LINES])
    const { stdout: got, stderr } = await run(['get', NAMES[20] ?? '', '-o', '-'], address)
    expect([got, stderr]).toEqual([`content ${NAMES[20]}`, expect.stringContaining('unanimous: here, there')])
    expect((await run(['get', 'two/none', '-o', '-'], address)).stderr).toContain(
      'not found on any of 2 replicas',
    )
  })
})

/** What is told of a name by the remote alone: a code, or null for a file that is missing. */
async function ask(remote: string, path: string, name: string): Promise<string | null> {
  const opened = await openRcloneStorage({ remote, path }, OPTIONS)
  try {
    return await describeOne(opened.storage, name).then(
      (facts) => facts && 'found',
      (error) => error.code,
    )
  } finally {
    await opened.close()
  }
}

describe('what rclone cannot tell from a missing file is unreachable:', () => {
  /** Renames a directory for as long as `work` takes, and leaves an empty one if it is only not mounted. */
  async function without(path: string, isMountPoint: boolean, work: () => Promise<void>): Promise<void> {
    renameSync(path, `${path}.away`)
    if (isMountPoint) mkdirSync(path)
    try {
      await work()
    } finally {
      rmSync(path, { recursive: true, force: true })
      renameSync(`${path}.away`, path)
    }
  }

  test('files of a directory that is gone', async () => {
    const opened = await openRcloneStorage({ remote: 'local', path: there }, OPTIONS)
    expect(await describeOne(opened.storage, 'one/00')).not.toBeNull()
    expect(await describeOne(opened.storage, 'one/none')).toBeNull()
    for (const isMountPoint of [false, true]) {
      await without(there, isMountPoint, async () => {
        await expectTrouble(describeOne(opened.storage, 'one/00'), 'unreachable')
        await expectTrouble(opened.storage.open('one/none'), 'unreachable')
        await expectTrouble(opened.storage.list(), 'unreachable')
      })
    }
    expect(await describeOne(opened.storage, 'one/none')).toBeNull()
    await opened.close()
    await without(there, false, async () => {
      expect(await ask('alias', '', 'one/00')).toBe('unreachable')
      expect(await ask('http', '', 'one/00')).toBe('unreachable')
      const { status, stdout, stderr } = await run(['check'], `local:${there}`)
      expect([status, stdout]).toEqual([2, ''])
      expect(stderr).toContain('rclone finds no such directory')
    })
  })

  test('names that another password made', async () => {
    expect(await ask('otherpassword', '', 'one/00')).toBe('unreachable')
    const { status, stdout, stderr } = await run(['check'], 'otherpassword:')
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain('rclone cannot decrypt 2 names with its password')
  })

  test.each([
    ['union', 'disk2'],
    ['combine', 'disk2/two'],
  ])('files of a %s that has lost a part', async (remote, part) => {
    expect(await ask(remote, '', 'one/none')).toBeNull()
    for (const isMountPoint of [false, true]) {
      await without(join(home.path, part), isMountPoint, async () => {
        for (const name of ['two/20', 'one/none']) expect(await ask(remote, '', name)).toBe('unreachable')
        expect(await ask(remote, '', 'one/00')).toBe('found')
        expect((await run(['check'], `${remote}:`)).status).toBe(2)
      })
    }
  })

  test('two files of one name, and a server that does not answer', async () => {
    const root = join(home.path, 'below')
    const [encrypted = ''] = readdirSync(root)
    const twin = join(root, encrypted.toUpperCase())
    mkdirSync(twin)
    const { status, stdout, stderr } = await run(['check'], 'crypt:')
    rmSync(twin, { recursive: true })
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain('rclone lists two entries of one name: ')
    expect(await ask('gone', '', 'one/00')).toBe('unreachable')
  })

  test('names that rclone writes otherwise', async () => {
    const directory = home.makeDirectory('written')
    for (const name of ['\uff0e', 'a\uff0fb', 'line\nbreak', 'line\u240abreak'])
      writeFileSync(join(directory, name), name)
    const names = ['\uff0e', 'a\uff0fb', 'line\nbreak', 'line\u240abreak', 'none\nbreak']
    const told = await Promise.all(names.map((name) => ask('local', directory, name)))
    expect(told).toEqual(['unreachable', 'unreachable', 'found', 'found', null])
  })
})

test('a link and a FIFO of a disk are no files, whatever they lead to, and lose no time', async () => {
  const directory = home.makeDirectory('links')
  symlinkSync(join(here, 'one/00'), join(directory, 'link'))
  symlinkSync(join(here, 'one'), join(directory, 'directory'))
  execFileSync('mkfifo', [join(directory, 'fifo')])
  for (const name of ['link', 'directory/00', 'fifo'])
    expect(await ask('local', directory, name)).toBe('not-a-file')
})

test('a SHA-256 comes from the bytes of now; any other hash only spares reading them again', async () => {
  const directory = home.makeDirectory('fresh')
  const write = (text: string) => {
    writeFileSync(join(directory, 'a'), text)
    utimesSync(join(directory, 'a'), OLD, OLD)
  }
  const opened = await openRcloneStorage({ remote: 'local', path: directory }, OPTIONS)
  for (const text of ['one', 'two']) {
    write(text)
    const digest = await hash(toBytes(text))
    expect(await describeOne(opened.storage, 'a')).toMatchObject({ digest, evidence: 'stored', age: null })
    expect(await opened.storage.describe(['a'], { maxAge: 0 })[0]).toMatchObject({ digest, evidence: 'read' })
  }
  await opened.close()
  const packed = await openRcloneStorage({ remote: 'compress', path: '' }, OPTIONS)
  for (const evidence of ['read', 'remembered']) {
    expect(await describeOne(packed.storage, 'one/00')).toMatchObject({ evidence })
  }
  await packed.close()
  const plain = await openRcloneStorage({ remote: 'http', path: '' }, OPTIONS)
  for (const evidence of ['read', 'read']) {
    expect(await describeOne(plain.storage, 'one/00')).toMatchObject({ evidence })
  }
  await plain.close()
})

test('the same directory, by itself or through an alias, is told; writing is refused', async () => {
  const same = await run(['check'], `local:${here}`)
  expect([same.status, same.stderr]).toEqual([2, expect.stringContaining('are the same place')])
  const { path } = home
  const replicas = ['--replica', `a=rclone:alias:one`, '--replica', `b=rclone:local:${path}/there`]
  const inside = await createStage().run(['check', ...replicas], { env: home.env })
  expect([inside.status, inside.stderr]).toEqual([2, expect.stringContaining('a is inside b')])
})
