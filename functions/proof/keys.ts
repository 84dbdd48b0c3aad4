import { parseBase64, toBase64 } from '../bytes/base64.ts'
import { concatenate } from '../bytes/chunks.ts'
import { toDigest } from '../wire/digest.ts'

/** The only name that every host has for the algorithm (RFC 8032, Ed25519). */
const ALGORITHM = 'Ed25519'
/** Bytes of a public key and of a signature (RFC 8032 §5.1). */
const KEY_BYTES = 32
export const SIGNATURE_BYTES = 64

/** What `parseOrigin` takes, for messages. */
export const ORIGIN_RULE = 'up to 128 letters, digits and ./:_-, such as nas.example.org/photos'

const encoder = new TextEncoder()

/**
 * The signature type of vouch. C2SP assigns single bytes; 0xff and a longer name are for everybody else's
 * (c2sp.org/signed-note, "Signature types").
 */
const TYPE = new Uint8Array([0xff, ...encoder.encode('vouch-statement/v1')])

/** The public half of a key that signs statements. */
export interface PublicKey {
  /** Who signs with it: a name that its owner chose. C2SP calls it the key name. */
  readonly origin: string
  /** The first four bytes of its hash, in hexadecimal: C2SP's key ID. */
  readonly id: string
  /** The 32 bytes of the key (RFC 8032 §5.1.5). */
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** A private key, of which nothing but signatures can be read. */
export interface Signer {
  readonly key: PublicKey
  /** Resolves with the 64 bytes of the signature (RFC 8032 §5.1.6). */
  sign(message: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>
}

/** Returns `text` when it can name a signer, otherwise null: blanks separate the parts of a note's line. */
export function parseOrigin(text: string): string | null {
  return /^[A-Za-z0-9][A-Za-z0-9./:_-]{0,127}$/.test(text) ? text : null
}

/** A public key by its 32 bytes. Its ID is the hash of all that it is used for (c2sp.org/signed-note). */
export async function toPublicKey(origin: string, bytes: Uint8Array<ArrayBuffer>): Promise<PublicKey> {
  const hash = await crypto.subtle.digest(
    'SHA-256',
    concatenate([encoder.encode(`${origin}\n`), TYPE, bytes]),
  )
  return { origin, id: toDigest(hash).slice(0, 8), bytes }
}

/** The line of a public key: origin, ID and, in base64, type and key, with a plus between them (a "vkey"). */
export function formatPublicKey({ origin, id, bytes }: PublicKey): string {
  return `${origin}+${id}+${toBase64(concatenate([TYPE, bytes]))}`
}

/** Resolves with the key of such a line; null for anything else, and for an ID that is not the key's. */
export async function parsePublicKey(line: string): Promise<PublicKey | null> {
  const [, name = '', id, encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.{1,128})$/.exec(line) ?? []
  const typed = parseBase64(encoded)
  const origin = parseOrigin(name)
  if (origin === null || typed?.length !== TYPE.length + KEY_BYTES) return null
  if (TYPE.some((byte, i) => typed[i] !== byte)) return null
  const key = await toPublicKey(origin, typed.slice(TYPE.length))
  return key.id === id ? key : null
}

/** Whether `signature` is the one of `message` by this key; false for bytes that are not a key. */
export async function verify(
  { bytes }: PublicKey,
  message: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  try {
    const key = await crypto.subtle.importKey('raw', bytes, ALGORITHM, false, ['verify'])
    return await crypto.subtle.verify(ALGORITHM, key, signature, message)
  } catch {
    return false
  }
}

/** Signed once, to find out whether two halves belong together. No statement begins like it. */
const PROBE = encoder.encode('vouch-key-check/v1\n')

/**
 * A signer by its private key in PKCS#8 (RFC 8410 §7) and its public key. Resolves with null when the bytes
 * are no such private key, or that of another public key. The caller may overwrite `pkcs8` afterwards.
 */
export async function createSigner(pkcs8: Uint8Array<ArrayBuffer>, key: PublicKey): Promise<Signer | null> {
  const imported = crypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign'])
  const secret = await imported.catch(() => null)
  if (secret === null) return null
  const sign: Signer['sign'] = async (message) =>
    new Uint8Array(await crypto.subtle.sign(ALGORITHM, secret, message))
  return (await verify(key, PROBE, await sign(PROBE))) ? { key, sign } : null
}

/** Makes a key: its private half in PKCS#8, and its public half. */
export async function generateKey(
  origin: string,
): Promise<{ readonly pkcs8: Uint8Array<ArrayBuffer>; readonly key: PublicKey }> {
  const pair = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  if (!('privateKey' in pair)) throw new Error(`${ALGORITHM} has two halves`)
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey('pkcs8', pair.privateKey))
  const bytes = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey))
  return { pkcs8, key: await toPublicKey(origin, bytes) }
}

const [BEGIN, END] = ['-----BEGIN PRIVATE KEY-----', '-----END PRIVATE KEY-----']

/** A private key in PEM (RFC 7468 §10). */
export function formatPem(pkcs8: Uint8Array): string {
  const lines = toBase64(pkcs8).match(/.{1,64}/g) ?? []
  return [BEGIN, ...lines, END, ''].join('\n')
}

/** The bytes of the one private key in PEM; null for anything else. */
export function parsePem(text: string): Uint8Array<ArrayBuffer> | null {
  const lines = text.trim().split(/\r?\n/)
  if (lines[0] !== BEGIN || lines.at(-1) !== END) return null
  return parseBase64(lines.slice(1, -1).join(''))
}
