import { fstatSync, readSync } from 'node:fs'
import { type Identity, toIdentity } from './identity.ts'

// Reads of threads that may wait for a disk.

/** The identity of an open file as it is now. */
export function readIdentitySync(fd: number): Identity {
  return toIdentity(fstatSync(fd, { bigint: true }))
}

/** A buffer of its own, not zeroed: only what was read into it is handed on. */
export function allocate(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
}

/** Fills `bytes` from `position` on; what comes back is shorter when the file ends before. */
export function readUpTo<T extends Uint8Array>(fd: number, bytes: T, position: number): T {
  let filled = 0
  while (filled < bytes.length) {
    const read = readSync(fd, bytes, filled, bytes.length - filled, position + filled)
    if (read === 0) break
    filled += read
  }
  return bytes.subarray(0, filled) as T // subarray keeps the class, which its type forgets
}
