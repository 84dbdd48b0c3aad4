import { type FileHandle, open } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

/**
 * Puts `wrap(original)` in the place of a function of a module of Node's, for everything that imports it,
 * until the function that it returns is called.
 */
export function patchBuiltin<T extends object, K extends keyof T>(
  module: T,
  name: K,
  wrap: (original: T[K]) => T[K],
): () => void {
  const original = module[name]
  module[name] = wrap(original)
  syncBuiltinESMExports()
  return () => {
    module[name] = original
    syncBuiltinESMExports()
  }
}

/** What all file handles inherit their methods from. */
export async function getHandlePrototype(): Promise<FileHandle> {
  const handle = await open('/dev/null')
  await handle.close()
  return Object.getPrototypeOf(handle)
}
