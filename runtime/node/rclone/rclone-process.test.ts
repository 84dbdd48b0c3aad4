import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { expect, onTestFinished, test, vi } from 'vitest'
import { parseJson } from '../../../functions/wire/json/parse.ts'
import { RCLONE_STOP_MS } from '../limits.ts'
import { showErrors } from '../show-errors.suite.ts'
import { useTemporaryDirectory } from '../temporary-directory.suite.ts'
import { openRcloneStorage } from './open-rclone.ts'
import { startFileServer } from './rclone-process.ts'
import { openRclone, type RcloneServer } from './rclone-server.ts'

const CHILD = fileURLToPath(new URL('rclone-child.suite.ts', import.meta.url))
const pidAnswer = v.object({ pid: v.number() })

/** An environment whose rclone is configured in a directory of the test. */
function createEnvironment(configuration = '') {
  const directory = useTemporaryDirectory()
  const config = join(directory, 'rclone.conf')
  writeFileSync(config, configuration)
  return { directory, env: { ...process.env, RCLONE_CONFIG: config } }
}

async function readPid(server: RcloneServer): Promise<number> {
  const answer = await server.call('core/pid', {}, pidAnswer)
  if (typeof answer === 'string') throw new Error(answer)
  return answer.pid
}

/** Whether it runs or is stopped; not when it has ended, and none has asked with which status. */
function isRunning(pid: number): boolean {
  try {
    return !/\) Z [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

async function expectEnd(pid: number): Promise<void> {
  await vi.waitFor(() => expect(isRunning(pid)).toBe(false), { timeout: 10_000, interval: 10 })
}

test('rclone ends with a process that is killed', async () => {
  const { env } = createEnvironment()
  const child = showErrors(spawn(process.execPath, [CHILD], { stdio: ['pipe', 'pipe', 'pipe'], env }))
  const [line] = await once(createInterface(child.stdout), 'line')
  const parsed = parseJson(pidAnswer, String(line))
  if (!parsed.success) throw new Error(parsed.wrong)
  const { pid } = parsed.output
  expect(isRunning(pid)).toBe(true)
  child.kill('SIGKILL')
  await expectEnd(pid)
})

test('one rclone serves all that open it in one environment, ends with the last, and starts again when it ended', async () => {
  const { env, directory } = createEnvironment()
  const [one, other] = await Promise.all([openRclone(env), openRclone(env)])
  const pid = await readPid(one)
  expect(await readPid(other)).toBe(pid)
  await one.close()
  await one.close()
  expect(await readPid(other)).toBe(pid)
  await expect(readPid(one)).rejects.toMatchObject({ code: 'unreachable' })
  process.kill(pid, 'SIGKILL')
  await expectEnd(pid)
  const again = await vi.waitFor(() => readPid(other))
  expect(again).not.toBe(pid)
  expect(await other.list(directory, '', { signal: undefined })).toMatchObject([{ Name: 'rclone.conf' }])
  await other.close()
  await expectEnd(again)
})

test('none is started for a question that waits while the last user closes, and one that starts meanwhile ends', async () => {
  const { env, directory } = createEnvironment()
  const bin = writeScript(directory, 'echo $$ >>"$STARTED"\nPATH="$OTHER_PATH"\nexec rclone "$@"')
  const started = join(directory, 'started')
  const own = { ...env, PATH: bin, OTHER_PATH: process.env['PATH'], STARTED: started }
  const readStarted = () => readFileSync(started, 'utf8').trim().split('\n').map(Number)

  /** Opens rclone, kills it, and waits until that is known: then the shell asks for its status. */
  async function openEnded(): Promise<RcloneServer> {
    const server = await openRclone(own)
    const pid = await readPid(server)
    process.kill(pid, 'SIGKILL')
    await vi.waitFor(() => expect(existsSync(`/proc/${pid}`)).toBe(false))
    return server
  }

  const server = await openEnded()
  const asked = readPid(server)
  await Promise.all([server.close(), expect(asked).rejects.toThrow('the storage was closed')])
  expect(readStarted()).toHaveLength(1)
  const other = await openEnded()
  const askedOther = readPid(other)
  // Seen before it answers, which takes some tens of milliseconds.
  await vi.waitFor(() => expect(readStarted()).toHaveLength(3), { interval: 1 })
  await Promise.all([other.close(), expect(askedOther).rejects.toThrow('the storage was closed')])
  await expectEnd(readStarted()[2] ?? 0)
})

test('the rclone that a script has started ends with it, and one that does not end is killed', async () => {
  const { env, directory } = createEnvironment()
  const bin = writeScript(directory, 'PATH="$OTHER_PATH"\nrclone "$@"')
  const script = await openRclone({ ...env, PATH: bin, OTHER_PATH: process.env['PATH'] })
  const pid = await readPid(script)
  await script.close()
  await expectEnd(pid)
  const stopped = await openRclone(env)
  const stoppedPid = await readPid(stopped)
  process.kill(stoppedPid, 'SIGSTOP')
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const closed = stopped.close()
  await vi.advanceTimersByTimeAsync(RCLONE_STOP_MS)
  await closed
  vi.useRealTimers()
  await expectEnd(stoppedPid)
})

test('its credentials are random, in its environment alone, and needed; no setting hides files, follows links, or hides its log', async () => {
  const { env, directory } = createEnvironment()
  symlinkSync('rclone.conf', join(directory, 'link'))
  const settings = {
    RCLONE_EXCLUDE: '*',
    RCLONE_MAX_SIZE: '0',
    RCLONE_COPY_LINKS: 'true',
    RCLONE_LOCAL_LINKS: 'true',
    RCLONE_LOCAL_ENCODING: 'Dot,Ctl,Slash,Del,LeftPeriod',
    RCLONE_LOG_LEVEL: 'ERROR',
    RCLONE_RC_NO_AUTH: 'true',
  }
  const server = await openRclone({ ...env, ...settings })
  const pid = await readPid(server)
  const password = /RCLONE_RC_PASS=([^\0]+)/.exec(readFileSync(`/proc/${pid}/environ`, 'utf8'))?.[1] ?? ''
  expect(password).toMatch(/^[0-9a-f]{64}$/)
  expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(password)
  expect(await server.list(directory, '', { signal: undefined })).toMatchObject([{ Name: 'rclone.conf' }])
  const [, port] = /127\.0\.0\.1:(\d+)/.exec(readSockets(pid)) ?? []
  const { status } = await fetch(`http://127.0.0.1:${port}/core/pid`, { method: 'POST' })
  expect(status).toBe(401)
  await server.close()
})

test('the server of files has credentials too, and no list of processes shows where they are, nor those', async () => {
  const { env, directory } = createEnvironment()
  const files = join(directory, 'pass-of-a-remote')
  mkdirSync(files)
  writeFileSync(join(files, 'one'), 'one')
  const server = await startFileServer(files, env)
  onTestFinished(() => server.stop())
  const shown = readdirSync('/proc').flatMap((pid) => (/^\d+$/.test(pid) ? readCommandLine(pid) : []))
  const running = shown.filter((line) => line.includes('webdav'))
  expect(running.length).toBeGreaterThan(0)
  expect(shown.filter((line) => line.includes('pass-of-a-remote'))).toEqual([])
  const { authorization } = server
  const credentials = Buffer.from(authorization.replace('Basic ', ''), 'base64').toString().split(':')
  for (const one of credentials) expect(running.join('\n')).not.toContain(one)
  expect((await fetch(`${server.url}/one`)).status).toBe(401)
  const reply = await fetch(`${server.url}/one`, { headers: { Authorization: authorization } })
  expect([reply.status, await reply.text()]).toEqual([200, 'one'])
})

/** Nothing for a process that has ended. */
function readCommandLine(pid: string): string[] {
  try {
    return [readFileSync(`/proc/${pid}/cmdline`, 'utf8')]
  } catch {
    return []
  }
}

/** The addresses on which a process listens, as text. */
function readSockets(pid: number): string {
  const inodes = new Set<string>()
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? []
    if (inode !== undefined) inodes.add(inode)
  }
  const lines = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1)
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === '0A' && inodes.has(fields[9] ?? ''))
    .map((fields) => `127.0.0.1:${Number.parseInt(fields[1]?.split(':')[1] ?? '', 16)}`)
    .join(' ')
}

/** An rclone of the test's own: a script of the shell, or of `program`. Returns its directory. */
function writeScript(directory: string, text: string, program = '/bin/sh'): string {
  const bin = join(directory, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'rclone'), `#!${program}\n${text}\n`)
  chmodSync(join(bin, 'rclone'), 0o755)
  return bin
}

test('without an rclone, with one that is too old, or with one that does not start, there is a message', async () => {
  const { env, directory } = createEnvironment()
  const open = async (PATH: string) => await openRclone({ ...env, PATH })
  await expect(open(join(directory, 'none'))).rejects.toThrow('rclone is not on the PATH; install it')
  const answer = "{ version: 'v1.53.3', decomposed: [1, 53, 3] }"
  const old = writeScript(
    directory,
    `const server = require('node:http').createServer((_, reply) => reply.end(JSON.stringify(${answer})))
     server.listen(0, '127.0.0.1', () => console.error(\`Serving remote control on http://127.0.0.1:\${server.address().port}/\`))`,
    process.execPath,
  )
  await expect(open(old)).rejects.toThrow('rclone v1.53.3 is too old; install 1.60 or newer')
  writeFileSync(join(old, 'rclone'), '#!/bin/sh\nexit 1\n')
  await expect(open(old)).rejects.toThrow('rclone does not start')
})

const REFUSED = `
[disk]
type = local
[remembers]
type = hasher
remote = disk:
[over]
type = union
upstreams = disk:/srv "remembers:with blank:ro"
[circle]
type = alias
remote = circle:
[inline]
type = crypt
remote = :union,upstreams=/srv:
[beside]
type = alias
remote = disk,copy_links:/srv
[overbeside]
type = alias
remote = :local,links:/srv
[web]
type = http
url = http://127.0.0.1/
[overweb]
type = crypt
remote = web:secret
[inlineweb]
type = alias
remote = :http,url='http://127.0.0.1/':
[bracket]
type = alias
remote = disk:/srv/a]b
`

test('a remote that is not configured, remembers, or cannot be followed, is refused', async () => {
  const { env } = createEnvironment(REFUSED)
  const server = await openRclone(env)
  const open = async (remote: string) =>
    await openRcloneStorage({ remote, path: '' }, { env, indexPath: null, onNotice: () => {} })
  await expect(open('none')).rejects.toThrow(
    "rclone has no remote 'none'; `rclone listremotes` shows those that it has",
  )
  for (const remote of ['remembers', 'over']) {
    await expect(open(remote)).rejects.toThrow(
      /^rclone's hasher answers from a memory.*name the remote that it wraps$/,
    )
  }
  await expect(open('circle')).rejects.toThrow('remotes of rclone wrap each other in a circle; correct them')
  for (const remote of ['inline', 'beside', 'overbeside'])
    await expect(open(remote)).rejects.toThrow(/configure that under a name of its own$/)
  for (const remote of ['web', 'overweb', 'inlineweb'])
    await expect(open(remote)).rejects.toThrow(
      /^rclone's http .*; name the URL itself, as static\+https:\/\/… or static\+http:\/\/…$/,
    )
  await expect(open('bracket')).rejects.toThrow(
    "rclone's remote 'bracket' leads to a path with ']', from which rclone sends no files",
  )
  await server.close()
})

const MISLEADING = `
[devices]
type = local
one_file_system = true
[copies]
type = local
copy_links = 1
[translates]
type = local
links = T
[local]
type = local
links = true
[path]
type = alias
remote = /srv
[exact]
type = local
copy_links = false
`

test('a local remote with a setting that hides files or follows links is refused', async () => {
  const { env, directory } = createEnvironment(MISLEADING)
  const settings = { ...env, RCLONE_CONFIG_VARIABLE_TYPE: 'local', RCLONE_CONFIG_VARIABLE_LINKS: 'true' }
  // Not given to rclone, so that it decides nothing.
  const all = { ...settings, RCLONE_LOCAL_COPY_LINKS: 'true' }
  const open = async (remote: string) =>
    await openRcloneStorage({ remote, path: directory }, { env: all, indexPath: null, onNotice: () => {} })
  const exact = await open('exact')
  for (const [remote, named, setting] of [
    ['devices', 'devices', 'one_file_system'],
    ['copies', 'copies', 'copy_links'],
    ['translates', 'translates', 'links'],
    ['path', 'local', 'links'],
    ['variable', 'variable', 'links'],
  ] as const) {
    await expect(open(remote)).rejects.toThrow(`rclone's remote '${named}' has the setting ${setting}, with`)
  }
  await exact.close()
})
