import { decodeBytes } from '../../byte-names.ts'

/** As cksfv and rhash describe each file of the list: its size, its time and its name. */
const DESCRIBED = /^; +\d+ +\d\d:\d\d[.:]\d\d \d{4}-\d\d-\d\d ./s

/** Ends as the CRC32 of a file does. */
const SUMMED = / [0-9a-f]{8}$/i

/** Whether a comment describes a file; null when it may itself be the CRC32 of a file called `; …`. */
export function checkSfvComment(bytes: Uint8Array, start: number, end: number): boolean | null {
  const text = decodeBytes(bytes.subarray(start, end))
  if (DESCRIBED.test(text)) return true
  return SUMMED.test(text) ? null : false
}
