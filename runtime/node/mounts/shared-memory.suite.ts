import { statfsSync } from 'node:fs'
import { isAbsence } from '../files/errno.ts'

/** A file system in memory, where `hasSharedMemory`. */
export const SHARED_MEMORY = '/dev/shm'
export const hasSharedMemory = isTmpfs(SHARED_MEMORY)

/** Whether a path is on tmpfs; false where there is nothing. Throws the other errors of statfs(2). */
export function isTmpfs(path: string): boolean {
  try {
    return statfsSync(path).type === 0x01021994
  } catch (error) {
    if (isAbsence(error)) return false
    throw error
  }
}
