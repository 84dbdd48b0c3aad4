import { resolve } from 'node:path'
import {
  createSigner,
  type PublicKey,
  parsePem,
  parsePublicKey,
  type Signer,
} from '../../functions/proof/keys.ts'
import { MAX_SIGNATURES } from '../../functions/wire/limits.ts'
import { readSmallFile } from '../node/files/small-file.ts'
import { UserError } from '../node/user-error.ts'
import type { Io } from './io.ts'
import { MAX_KEY_FILE_BYTES } from './limits.ts'
import { findHolder } from './outside.ts'
import type { ReplicaAddress } from './replica-address.ts'

const ADVICE = "'vouch key generate FILE' makes one"
const PUBLIC_ADVICE = "'vouch key generate FILE' writes one to FILE.pub"

/**
 * Opens the keys of `--sign`: the private half in PATH, the public one in PATH.pub beside it. Rejects with a
 * UserError, which never has anything of a private key in it, for one that cannot be used, and for one that
 * a client could read, because it lies inside a replica.
 */
export async function openSigners(
  paths: readonly string[],
  replicas: readonly ReplicaAddress[],
  { cwd }: Pick<Io, 'cwd'>,
): Promise<readonly Signer[]> {
  if (paths.length > MAX_SIGNATURES)
    throw new UserError(`--sign takes at most ${MAX_SIGNATURES} keys, got ${paths.length}`)
  const directories = replicas.flatMap(({ id, target }) =>
    target.kind === 'directory' ? { id, path: resolve(cwd, target.path) } : [],
  )
  const signers: Signer[] = []
  for (const path of paths.map((path) => resolve(cwd, path))) {
    // By the file that a link leads to.
    const holder = findHolder(path, directories)
    if (holder !== undefined)
      throw new UserError(
        `the private key ${path} is inside the replica ${holder.id}, from where every client could read it; move it, make another one, and trust that one instead`,
      )
    const signer = await openSigner(path)
    const { origin, id } = signer.key
    if (signers.some(({ key }) => key.origin === origin && key.id === id))
      throw new UserError(`--sign: ${path} and another are one key; name it once`)
    signers.push(signer)
  }
  return signers
}

async function openSigner(path: string): Promise<Signer> {
  const pkcs8 = parsePem(readKeyFile(path, 'the private key', ADVICE))
  if (pkcs8 === null) throw new UserError(`${path} is not a private key (PKCS#8, in PEM); ${ADVICE}`)
  const [key] = await readPublicKeys(`${path}.pub`)
  const signer = key === undefined ? null : await createSigner(pkcs8, key)
  pkcs8.fill(0)
  if (signer !== null) return signer
  throw new UserError(
    `${path} is not a private key of Ed25519, or not that of ${path}.pub, which must be the file that was made with it; ${ADVICE}`,
  )
}

/**
 * The public keys of a file, one a line; blank lines and those that begin with `#` are skipped. Rejects with
 * a UserError for a line that is not a public key, and for a file without any.
 */
export async function readPublicKeys(path: string): Promise<readonly PublicKey[]> {
  const keys: PublicKey[] = []
  const text = readKeyFile(path, 'the public key', PUBLIC_ADVICE)
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const word = line.trim()
    if (word === '' || word.startsWith('#')) continue
    const key = await parsePublicKey(word)
    if (key === null)
      throw new UserError(`line ${i + 1} of ${path} is not a public key, NAME+ID+KEY; ${PUBLIC_ADVICE}`)
    keys.push(key)
  }
  if (keys.length === 0) throw new UserError(`${path} has no public key, NAME+ID+KEY, one a line`)
  return keys
}

function readKeyFile(path: string, what: string, advice: string): string {
  const toMessage = (reason: string) => `cannot read ${what} in ${path}: ${reason}; ${advice}`
  return readSmallFile(path, { most: MAX_KEY_FILE_BYTES, toMessage }).toString()
}
