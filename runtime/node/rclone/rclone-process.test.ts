import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { expect, test, vi } from 'vitest'
import { parseJson } from '../../../functions/wire/json/parse.ts'
import { showErrors } from '../show-errors.suite.ts'
import { useTemporaryDirectory } from '../temporary-directory.suite.ts'
import { openRcloneStorage } from './open-rclone.ts'
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

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
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

test('its credentials are random, in its environment alone, and needed; no setting hides files or its log', async () => {
  const { env, directory } = createEnvironment()
  const settings = {
    RCLONE_EXCLUDE: '*',
    RCLONE_MAX_SIZE: '0',
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

/** An rclone of the test's own: a program of Node. */
function writeRclone(directory: string, program: string): string {
  const bin = join(directory, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'rclone'), `#!${process.execPath}\n${program}`)
  chmodSync(join(bin, 'rclone'), 0o755)
  return bin
}

test('without an rclone, with one that is too old, or with one that does not start, there is a message', async () => {
  const { env, directory } = createEnvironment()
  const open = async (PATH: string) => await openRclone({ ...env, PATH })
  await expect(open(join(directory, 'none'))).rejects.toThrow('rclone is not on the PATH; install it')
  const answer = "{ version: 'v1.53.3', decomposed: [1, 53, 3] }"
  const old = writeRclone(
    directory,
    `const server = require('node:http').createServer((_, reply) => reply.end(JSON.stringify(${answer})))
     server.listen(0, '127.0.0.1', () => console.error(\`Serving remote control on http://127.0.0.1:\${server.address().port}/\`))`,
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
  await expect(open('inline')).rejects.toThrow(/configure that under a name of its own$/)
  await server.close()
})
