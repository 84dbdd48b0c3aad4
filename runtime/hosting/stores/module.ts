import node from 'node:module'
import { resolve } from 'node:path'
import { toStorePlaces } from '../../../functions/storage/overlap.ts'
import type { Storage } from '../../../functions/storage/storage.ts'
import type { CreateHasher } from '../../../functions/wire/digest.ts'
import { createHasher } from '../../node/hasher.ts'
import { UserError } from '../../node/user-error.ts'
import type { Scheme } from './scheme.ts'

/** What the default export of a module is called with. */
export interface ModuleOptions {
  /** What stands behind the `?` of the address. */
  readonly parameters: URLSearchParams
  /** Variables of the environment. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether the storage should have `put` and `restore`, if the store can be written to. */
  readonly writable: boolean
  readonly createHasher: CreateHasher
  /** Aborted when the program is to end; the storage then gives back what it holds. */
  readonly signal: AbortSignal
}

/**
 * The default export of a module that an address names: returns the storage. What it rejects with is shown to
 * the user, so it holds no secret.
 */
export type CreateModuleStorage = (options: ModuleOptions) => Storage | Promise<Storage>

const ADDRESS = /^module:(?<path>[^?#]+)(?:\?(?<query>[^#]*))?$/is

/** A storage that a module of the user's makes. */
export const module: Scheme = {
  names: ['module'],
  form: 'module:PATH of a JavaScript module',
  rule: 'module: and the path of a JavaScript module whose default export returns a storage',
  begins: 'module:',
  isValid: (address) => ADDRESS.test(address),
  resolve(address, directory) {
    const { path, query } = parse(address)
    return `module:${resolve(directory, path)}${query === undefined ? '' : `?${query}`}`
  },
  format: (address) => `module:${parse(address).path}`,
  async open(address, { env, writable, signal }) {
    const { path, query = '' } = parse(address)
    const end = new AbortController()
    const ended = signal === undefined ? end.signal : AbortSignal.any([end.signal, signal])
    const create = load(path)
    const options = { parameters: new URLSearchParams(query), env, writable, createHasher, signal: ended }
    try {
      const storage = await create(options)
      requireStorage(storage, path)
      return { storage, places: toStorePlaces(`module ${path}`, query), close: () => end.abort() }
    } catch (error) {
      end.abort()
      throw error instanceof UserError ? error : new UserError(`the module ${path}: ${toMessage(error)}`)
    }
  },
}

function parse(address: string): { readonly path: string; readonly query: string | undefined } {
  const { path = '', query } = ADDRESS.exec(address)?.groups ?? {}
  return { path, query }
}

/** By `require`, which loads ES modules too, and which the bundle of the command leaves as it is. */
function load(path: string): CreateModuleStorage {
  let loaded: { readonly default?: unknown }
  try {
    loaded = node.createRequire(path)(path)
  } catch (error) {
    throw new UserError(`the module ${path} cannot be loaded: ${toMessage(error)}`)
  }
  if (typeof loaded.default === 'function') return loaded.default as CreateModuleStorage // checked when called
  throw new UserError(`the module ${path} has no default export that is a function; it returns the storage`)
}

function requireStorage(storage: unknown, path: string): void {
  const missing = ['describe', 'open', 'list'].filter(
    (method) => typeof (storage as Partial<Record<string, unknown>> | null)?.[method] !== 'function',
  )
  if (missing.length > 0)
    throw new UserError(`the storage of the module ${path} has no method ${missing.join(', ')}`)
}

function toMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
