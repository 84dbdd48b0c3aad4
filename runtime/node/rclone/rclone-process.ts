import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { withTimeout } from '../../../functions/wire/limit.ts'
import { RCLONE_START_MS, RCLONE_STOP_MS } from '../limits.ts'
import { UserError } from '../user-error.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** A server of rclone that runs. */
export interface RcloneProcess {
  /** Without a slash at its end. */
  readonly url: string
  /** The value of `Authorization`. */
  readonly authorization: string
  isRunning(): boolean
  /** Ends it, by force when it does not end in time; resolves once it has ended. */
  stop(): Promise<void>
}

/**
 * Runs a program until this process lets go of the pipe: when it closes it, or ends in any way, killed too.
 * The program's end closes its standard error, which the shell does not hold. The shell must lead a process
 * group, all of which it ends but itself: `rclone` may be a script that has started the real one.
 */
const SUPERVISE = `command -v "$1" >/dev/null || exit 127
"$@" </dev/null & child=$!
exec 2>&-
read line
trap '' TERM
kill -TERM 0
wait "$child"`

interface Kind {
  readonly args: readonly string[]
  /** The variables that hold its user and password. */
  readonly credentials: readonly [string, string]
  /** Its address in the log. */
  readonly address: RegExp
}

// A large file may take longer than the hour that is the default.
const REMOTE_CONTROL: Kind = {
  args: ['rcd', '--rc-serve', '--rc-addr=127.0.0.1:0', '--rc-server-write-timeout=1000h'],
  credentials: ['RCLONE_RC_USER', 'RCLONE_RC_PASS'],
  address: /Serving remote control on (http:\/\/127\.0\.0\.1:\d+)\//,
}

/** Each file is sent by one request to the remote, which is asked for no times and no hashes. */
const FILE_SERVER: Kind = {
  args: [
    ...['serve', 'webdav', '--addr=127.0.0.1:0', '--server-write-timeout=1000h', '--read-only'],
    ...['--no-modtime', '--no-checksum', '--vfs-read-chunk-size=off', '--poll-interval=0'],
  ],
  credentials: ['RCLONE_USER', 'RCLONE_PASS'],
  address: /WebDav Server started on (http:\/\/127\.0\.0\.1:\d+)\//,
}

const ARGUMENTS = ['--ask-password=false', '--no-unicode-normalization', '--log-level=NOTICE']

/**
 * Settings that would hide files, follow links or change names, hide the address from the log, or open
 * another server.
 */
const LEFT_OUT =
  /^RCLONE_(RC|VFS|BASEURL|CERT|KEY|CLIENT_CA|HTPASSWD|AUTH_PROXY|ETAG_HASH|LOG|SYSLOG|VERBOSE|QUIET|USE_JSON_LOG|STATS|EXCLUDE|INCLUDE|FILTER|FILES_FROM|METADATA|HASH_FILTER|IGNORE_CASE|MIN_AGE|MIN_SIZE|MAX_AGE|MAX_SIZE|MAX_DEPTH|MAX_TRANSFER|MAX_DURATION|LOCAL|ONE_FILE_SYSTEM|COPY_LINKS|LINKS|SKIP_LINKS|SFTP_SKIP_LINKS)(_|$)/

const EXIT_NOT_FOUND = 127

/**
 * Starts `rclone rcd` on any free port of loopback, with credentials of its own that only its environment
 * has. It ends with this process. Rejects with a UserError when there is no rclone, or it does not start.
 */
export async function startRclone(env: Environment): Promise<RcloneProcess> {
  return await start(REMOTE_CONTROL, [], env)
}

/**
 * The same for a server of the files of `fs` alone, each at its path. It lists a directory once, and sends
 * files by that listing: start it only after the state of those files was read.
 */
export async function startFileServer(fs: string, env: Environment): Promise<RcloneProcess> {
  // An alias may lead to an address with a password, which every user would see in the list of processes.
  const alias = { RCLONE_CONFIG_VOUCH_SERVES_TYPE: 'alias', RCLONE_CONFIG_VOUCH_SERVES_REMOTE: fs }
  return await start(FILE_SERVER, ['vouch_serves:'], { ...env, ...alias })
}

async function start(kind: Kind, rest: readonly string[], env: Environment): Promise<RcloneProcess> {
  const { args, address, credentials } = kind
  const [user, password] = [randomBytes(16).toString('hex'), randomBytes(32).toString('hex')]
  const child = spawn('/bin/sh', ['-c', SUPERVISE, 'sh', 'rclone', ...args, ...ARGUMENTS, ...rest], {
    // In a session of its own, so that Ctrl-C reaches only this process, which may have answers to finish.
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { ...toRcloneEnvironment(env), [credentials[0]]: user, [credentials[1]]: password },
  })
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(EXIT_NOT_FOUND))
    child.once('exit', (code) => resolve(code))
  })
  let isRunning = true
  const stop = async () => {
    isRunning = false
    child.stdin?.end()
    if ((await withTimeout(RCLONE_STOP_MS, ended)) === undefined) killGroup(child)
    await ended
  }
  // Written to a process that has ended.
  child.stdin?.on('error', () => {})
  child.stderr?.once('end', () => void stop())
  const log = createLog(child, address)
  const url = await log.readAddress()
  if (url === null) {
    await stop()
    throw toStartError(await ended, log.text())
  }
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  return { url, authorization, isRunning: () => isRunning, stop }
}

/** Ends all that a child has started and that has not ended, itself too: it leads a group. */
function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, 'SIGKILL')
}

/** What rclone is given of an environment. */
export function toRcloneEnvironment(env: Environment): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !LEFT_OUT.test(name)))
}

/** The log of rclone, which is read to its end, and held only until it contains the address. */
function createLog({ stderr }: ChildProcess, pattern: RegExp) {
  let text = ''
  const address = Promise.withResolvers<string | null>()
  const timer = setTimeout(() => address.resolve(null), RCLONE_START_MS)
  stderr?.setEncoding('utf8')
  stderr?.on('data', (chunk: string) => {
    if (text.length > MAX_LOG_LENGTH) return
    text += chunk
    const [, found] = pattern.exec(text) ?? []
    if (found !== undefined) address.resolve(found)
  })
  stderr?.once('end', () => address.resolve(null))
  return {
    /** Resolves with null when rclone ended, or showed no address in time. */
    async readAddress() {
      const found = await address.promise
      clearTimeout(timer)
      if (found !== null) text = ''
      return found
    },
    text: () => text,
  }
}

const MAX_LOG_LENGTH = 64 * 1024

/** The log is not passed on: it may have secrets. */
function toStartError(status: number | null, log: string): UserError {
  if (status === EXIT_NOT_FOUND)
    return new UserError(
      'rclone is not on the PATH; install it from https://rclone.org, or as the package rclone',
    )
  if (/password/i.test(log)) {
    return new UserError(
      'rclone cannot read its configuration, which is encrypted; set RCLONE_CONFIG_PASS or RCLONE_PASSWORD_COMMAND',
    )
  }
  return new UserError('rclone does not start; `rclone rcd --rc-no-auth` shows why')
}
