import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { Refusal } from './refusal.ts'

/** What one side of a TLS connection shows and trusts, in PEM. */
export interface TlsFiles {
  readonly cert?: Buffer | undefined
  readonly key?: Buffer | undefined
  /** Whom it trusts, and nobody else; the host's own list when absent. */
  readonly ca?: Buffer | undefined
}

/** Paths of PEM files, beside the flags that name them. */
export type TlsPaths = Readonly<
  Partial<Record<keyof TlsFiles, { readonly flag: string; readonly path: string }>>
>

/** Reads them; undefined when there are none. Throws a Refusal that names the flag when one is no such file, or they do not fit. */
export function readTlsFiles({ cert, key, ca }: TlsPaths): TlsFiles | undefined {
  if (cert === undefined && key === undefined && ca === undefined) return undefined
  if ((cert === undefined) !== (key === undefined)) {
    throw new Refusal(`${(cert ?? key)?.flag} takes its other half too: a certificate goes with its key`)
  }
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
