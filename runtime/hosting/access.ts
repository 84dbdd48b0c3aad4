import { resolve } from 'node:path'
import type { AppOptions } from '../../functions/http/app.ts'
import type { Reread } from '../node/http/reread.ts'
import { readTlsFiles, type TlsFiles } from '../node/http/tls.ts'
import { parseToken, readTokens, type Tokens } from '../node/http/tokens.ts'
import { UserError } from '../node/user-error.ts'
import { type SecretSource, toFlagLabel, type Values } from './flag.ts'
import type { ACCESS_FLAGS, REPLICAS_FLAGS } from './flags.ts'
import { type Io, isFirst, say } from './io.ts'

/** The flags of access to a server, and the address that it listens on. */
type AccessOptions = Values<typeof ACCESS_FLAGS> & { readonly host: string }

/** The access to a server, and the files that it is read from. */
interface OpenedAccess {
  readonly access: Pick<AppOptions, 'isAllowed' | 'isOwnHost'>
  readonly tls: Reread<TlsFiles> | undefined
  readonly tokens: Tokens | undefined
}

/** Throws a UserError for a wrong flag, or if anyone could write, or ask from elsewhere, without `--open`. */
export function openAccess(options: AccessOptions, io: Io): OpenedAccess {
  const { host, open, writable, tokenFile, tlsClientCa } = options
  const tokens = openTokens(tokenFile, io)
  const tls = openServerKeys(options, io)
  const isForAnyone = tokens === undefined && tlsClientCa === undefined && !open
  const advice = 'add --token-file or --tls-client-ca, or --open to allow it'
  if (isForAnyone && !isLoopback(host))
    throw new UserError(`on ${host} anyone who reaches this machine could ask: ${advice}`)
  if (isForAnyone && writable)
    throw new UserError(`with --writable anyone who reaches this server could write: ${advice}`)
  if (tokens !== undefined) {
    return { tls, tokens, access: { isAllowed: ({ headers }) => tokens.allow(headers.get('Authorization')) } }
  }
  // With --open a proxy on this machine may use any Host for reads, but not for writes.
  const isNameless = isLoopback(host) && tls === undefined && (!open || writable)
  return { tls, tokens, access: isNameless ? { isOwnHost } : {} }
}

/** The flags with the certificates of a server. */
type ServerKeyOptions = Partial<Pick<AccessOptions, 'tlsCert' | 'tlsKey' | 'tlsClientCa'>>

/** The files of `--tls-cert`, `--tls-key` and `--tls-client-ca`. */
export function openServerKeys({ tlsCert, tlsKey, tlsClientCa }: ServerKeyOptions, io: Io) {
  const paths = {
    cert: toFile('tlsCert', tlsCert, io),
    key: toFile('tlsKey', tlsKey, io),
    ca: toFile('tlsClientCa', tlsClientCa, io),
  }
  const tls = readTlsFiles(paths, (line) => say(io, line))
  if (paths.ca !== undefined && paths.cert === undefined)
    throw new UserError('--tls-client-ca needs --tls-cert')
  return tls
}

/** The tokens of a file or an environment variable; undefined when there is neither. Throws a UserError. */
export function openTokens(source: SecretSource, io: Io): Tokens | undefined {
  if (source === undefined) return undefined
  if ('text' in source) {
    const { variable, text, renamed } = source
    if (renamed !== undefined && isFirst(io))
      say(
        io,
        `warning: this server demands the token in ${variable}, which holds what a client sends; name it ${renamed}`,
      )
    return parseToken(variable, text)
  }
  return readTokens(resolve(io.cwd, source.path), (line) => say(io, line))
}

/** The flags with the certificates of a client. */
export type KeyOptions = Partial<Pick<Values<typeof REPLICAS_FLAGS>, 'ca' | 'clientCert' | 'clientKey'>>

/** The files of `--ca`, `--client-cert` and `--client-key`. */
export function openKeys({ ca, clientCert, clientKey }: KeyOptions, io: Io): Reread<TlsFiles> | undefined {
  const paths = {
    cert: toFile('clientCert', clientCert, io),
    key: toFile('clientKey', clientKey, io),
    ca: toFile('ca', ca, io),
  }
  return readTlsFiles(paths, (line) => say(io, line))
}

/** The file that a flag names. */
function toFile(name: string, path: string | undefined, { cwd }: Io) {
  return path === undefined ? undefined : { flag: toFlagLabel(name), path: resolve(cwd, path) }
}

/**
 * Whether the URL's host is localhost or an IP literal. A DNS name could be rebound to this machine after an
 * attacker's page was loaded, which could then read every file. With a token or TLS that cannot happen.
 */
function isOwnHost(url: string): boolean {
  return /^http:\/\/(([\w-]+\.)*localhost|\d{1,3}(\.\d{1,3}){3}|\[[\da-f:.]+\])(:\d+)?\//i.test(url)
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i.test(host)
}
