import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { Refusal } from './refusal.ts'
import { createReread, type Reread } from './reread.ts'

/** What one side of a TLS connection shows and trusts, in PEM. */
export interface TlsFiles {
  readonly cert?: Buffer | undefined
  readonly key?: Buffer | undefined
  /** Whom it trusts, and nobody else; the host's own list when absent. */
  readonly ca?: Buffer | undefined
}

/** Paths of PEM files, beside the flags that name them. */
export type TlsPaths = Readonly<
  Partial<Record<keyof TlsFiles, { readonly flag: string; readonly path: string } | undefined>>
>

/**
 * Reads PEM files, and again when they change; undefined when there are none. Throws a Refusal that names the flag when a
 * file cannot be read, or a certificate does not fit its key. When that is so later, as while somebody replaces the
 * two, the old files stay in use, and `onNotice` gets a line.
 */
export function readTlsFiles(
  { cert, key, ca }: TlsPaths,
  onNotice: (line: string) => void,
): Reread<TlsFiles> | undefined {
  if (cert === undefined && key === undefined && ca === undefined) return undefined
  if ((cert === undefined) !== (key === undefined)) {
    const [given, lacking] = cert
      ? [cert.flag, toOther(cert.flag)]
      : [key?.flag ?? '', toOther(key?.flag ?? '')]
    throw new Refusal(`${given} needs ${lacking}: a certificate goes with its key`)
  }
  const paths = [cert, key, ca].flatMap((each) => each?.path ?? [])
  return createReread(
    paths,
    () => readPems({ cert, key, ca }),
    (reason) => onNotice(`warning: the certificates stay as they were: ${reason}`),
  )
}

/** The flag of the key beside that of a certificate, and the other way round. */
function toOther(flag: string): string {
  return flag.endsWith('cert') ? flag.replace(/cert$/, 'key') : flag.replace(/key$/, 'cert')
}

function readPems({ cert, key, ca }: TlsPaths): TlsFiles {
  const files = { cert: readPem(cert), key: readPem(key), ca: readPem(ca) }
  try {
    createSecureContext(files)
  } catch (error) {
    const flags = [cert, key, ca].flatMap((each) => each?.flag ?? []).join(', ')
    throw new Refusal(
      `${flags} name no PEM files that fit: ${error instanceof Error ? error.message : error}`,
    )
  }
  return files
}

function readPem(file: TlsPaths[keyof TlsFiles]): Buffer | undefined {
  if (file === undefined) return undefined
  try {
    return readFileSync(file.path)
  } catch (error) {
    throw new Refusal(
      `${file.flag} takes the path of a PEM file: ${error instanceof Error ? error.message : error}`,
    )
  }
}

/** What there is of it: options of TLS tell an absent value from an undefined one. */
export function toConnect({ cert, key, ca }: TlsFiles = {}) {
  return { ...(cert && { cert }), ...(key && { key }), ...(ca && { ca }) }
}

/** Files that stay as they are, or what gives them and may give others later. */
export type TlsOption = TlsFiles | (() => TlsFiles)

/** What `tls` gives now. */
export function toFiles(tls: TlsOption): TlsFiles {
  return typeof tls === 'function' ? tls() : tls
}
