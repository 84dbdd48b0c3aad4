import { attempt } from '../wire/attempt.ts'

/** Bytes in base64 with padding (RFC 4648 §4). */
export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}

/**
 * The bytes of a text in base64; null unless it is exactly what `toBase64` writes for them, so that no two
 * texts stand for the same bytes (RFC 4648 §3.5).
 */
export function parseBase64(text: string): Uint8Array<ArrayBuffer> | null {
  const characters = attempt(() => atob(text))
  if (characters === null) return null
  const bytes = Uint8Array.from(characters, (character) => character.charCodeAt(0))
  return toBase64(bytes) === text ? bytes : null
}
