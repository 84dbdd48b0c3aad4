import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { getErrno, toReason } from '../files/errno.ts'
import { UserError } from '../user-error.ts'
import { createReread, type Reread } from './reread.ts'

/** The certificates of one side of a TLS connection, in PEM. */
export interface TlsFiles {
  readonly cert?: Buffer | undefined
  readonly key?: Buffer | undefined
  /** The only certificates that it trusts; the host's list when absent. */
  readonly ca?: Buffer | undefined
}

/** Certificates that stay the same, or a function that returns the current ones. */
export type TlsOption = TlsFiles | (() => TlsFiles)

/** The path of a PEM file, and the flag that names it. */
interface PemPath {
  readonly flag: string
  readonly path: string
}

export type TlsPaths = Readonly<Partial<Record<keyof TlsFiles, PemPath | undefined>>>

/**
 * Reads PEM files, and again when they change; undefined when there are none. Throws a UserError that names
 * the file when one cannot be read or used, or a key does not match its certificate. When that happens later,
 * as while the two are being replaced, the old files stay in use, and `onNotice` is called with a line.
 */
export function readTlsFiles(
  { cert, key, ca }: TlsPaths,
  onNotice: (line: string) => void,
): Reread<TlsFiles> | undefined {
  if (cert === undefined && key === undefined && ca === undefined) return undefined
  if (cert === undefined && key !== undefined)
    throw new UserError(`${key.flag} needs ${key.flag.replace(/key$/, 'cert')}`)
  if (cert !== undefined && key === undefined)
    throw new UserError(`${cert.flag} needs ${cert.flag.replace(/cert$/, 'key')}`)
  const paths = [cert, key, ca].flatMap((each) => each?.path ?? [])
  return createReread(
    paths,
    () => readPems({ cert, key, ca }),
    (reason) => onNotice(`warning: the certificates stay as they were: ${reason}`),
  )
}

function readPems({ cert, key, ca }: TlsPaths): TlsFiles {
  const files = { cert: readPem(cert), key: readPem(key), ca: readPem(ca) }
  const certificate = cert && files.cert && parseCertificate(cert, files.cert)
  const privateKey = key && files.key && parseKey(key, files.key)
  if (ca && files.ca) parseCertificate(ca, files.ca)
  if (certificate && privateKey && !certificate.checkPrivateKey(privateKey))
    throw new UserError(`the key in ${key.path} does not match the certificate in ${cert.path}`)
  try {
    createSecureContext(files)
  } catch (error) {
    const flags = [cert, key, ca].flatMap((each) => each?.flag ?? []).join(', ')
    throw new UserError(`TLS cannot use the files of ${flags}: ${toReason(error)}`)
  }
  return files
}

function readPem(file: PemPath | undefined): Buffer | undefined {
  if (file === undefined) return undefined
  try {
    return readFileSync(file.path)
  } catch (error) {
    throw new UserError(`cannot read ${file.path}, which ${file.flag} names: ${toReason(error)}`, 'io')
  }
}

function parseCertificate({ flag, path }: PemPath, pem: Buffer): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch {
    throw new UserError(`${path}, which ${flag} names, does not contain a certificate in PEM`)
  }
}

function parseKey({ flag, path }: PemPath, pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    const isEncrypted = getErrno(error) === 'ERR_MISSING_PASSPHRASE'
    const fault = isEncrypted
      ? `is encrypted; decrypt it with 'openssl pkey -in ${path} -out FILE', and name that file`
      : 'does not contain a private key in PEM'
    throw new UserError(`${path}, which ${flag} names, ${fault}`)
  }
}

/** The options of a TLS connection, where an absent value differs from an undefined one. */
export function toConnect({ cert, key, ca }: TlsFiles = {}) {
  return { ...(cert && { cert }), ...(key && { key }), ...(ca && { ca }) }
}

export function toFiles(tls: TlsOption): TlsFiles {
  return typeof tls === 'function' ? tls() : tls
}
