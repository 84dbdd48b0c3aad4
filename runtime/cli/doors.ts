import { resolve } from 'node:path'
import type { Flags } from '../node/configuration.ts'
import { Refusal } from '../node/refusal.ts'
import type { Reread } from '../node/reread.ts'
import { readTlsFiles, type TlsFiles, type TlsPaths } from '../node/tls.ts'
import { parseToken, readTokens, type Tokens } from '../node/tokens.ts'
import { type Io, say } from './io.ts'

/** Who may come in. */
export interface Door {
  /** Absent when there are no tokens. */
  readonly isAllowed?: (request: Request) => boolean
  /** Absent when the server goes by any host. */
  readonly isOwnHost?: (url: string) => boolean
}

/** A door, and the files that it is made of. */
export interface OpenedDoor {
  readonly door: Door
  readonly tls: Reread<TlsFiles> | undefined
  readonly tokens: Tokens | undefined
}

/** Throws a Refusal when a flag is wrong, or when everybody could write, or come in from other machines, and no flag says so. */
export function openDoor(flags: Flags, host: string, io: Io): OpenedDoor {
  const tokens = openTokens(flags, 'token-file', 'VOUCH_TOKEN', io)
  const paths = toPaths(flags, { cert: 'tls-cert', key: 'tls-key', ca: 'tls-client-ca' }, io)
  const tls = readTlsFiles(paths, (line) => say(io, line))
  if (paths.ca !== undefined && paths.cert === undefined)
    throw new Refusal('--tls-client-ca needs --tls-cert')
  if (!isLoopback(host) && tokens === undefined && paths.ca === undefined && flags['open'] !== true) {
    throw new Refusal(
      `on ${host} anybody who reaches this machine could ask: add --token-file or --tls-client-ca, or --open if that is meant`,
    )
  }
  if (flags['writable'] && tokens === undefined && paths.ca === undefined && flags['open'] !== true) {
    throw new Refusal(
      '--writable lets anybody who reaches this server write: add --token-file or --tls-client-ca, or --open if that is meant',
    )
  }
  if (tokens !== undefined) {
    return { tls, tokens, door: { isAllowed: ({ headers }) => tokens.allow(headers.get('Authorization')) } }
  }
  // A proxy on this machine may go by any name where everybody may read, but not where everybody could write.
  const isNameless =
    isLoopback(host) && tls === undefined && (flags['open'] !== true || flags['writable'] === true)
  return { tls, tokens, door: isNameless ? { isOwnHost } : {} }
}

/** The tokens of the file that an option names, or of an environment variable; undefined when there is neither. */
export function openTokens(flags: Flags, option: string, variable: string, io: Io): Tokens | undefined {
  const path = flags[option]
  if (typeof path === 'string') return readTokens(resolve(io.cwd, path), (line) => say(io, line))
  const text = io.env[variable]
  return text === undefined ? undefined : parseToken(variable, text)
}

/** What `--ca`, `--client-cert` and `--client-key` name. */
export function openKeys(flags: Flags, io: Io): Reread<TlsFiles> | undefined {
  const paths = toPaths(flags, { cert: 'client-cert', key: 'client-key', ca: 'ca' }, io)
  return readTlsFiles(paths, (line) => say(io, line))
}

function toPaths(flags: Flags, options: Readonly<Record<keyof TlsFiles, string>>, { cwd }: Io): TlsPaths {
  const entries = Object.entries(options).flatMap(([file, option]) => {
    const path = flags[option]
    return typeof path === 'string' ? [[file, { flag: `--${option}`, path: resolve(cwd, path) }]] : []
  })
  return Object.fromEntries(entries)
}

/**
 * Whether an address is for this machine, or for a number, which nobody can point elsewhere. A name may be another site's,
 * pointed here after its page was loaded, which may then ask and read whatever it likes (DNS rebinding). It has no token
 * to show, and no certificate for its name.
 */
function isOwnHost(url: string): boolean {
  return /^http:\/\/(([\w-]+\.)*localhost|\d{1,3}(\.\d{1,3}){3}|\[[\da-f:.]+\])(:\d+)?\//i.test(url)
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i.test(host)
}
