import type { OpenedStore, StoreOptions } from '../../node/objects/open-stores.ts'

/** What a host gives to a store that it opens. */
export interface SchemeHost extends StoreOptions {
  /** Variables of the environment. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether the storage has `put` and `restore`, if the store can be written to. */
  readonly writable: boolean
  /** Aborted when the program is to end. */
  readonly signal?: AbortSignal | undefined
}

/** A kind of store, and the addresses that name one: `NAME:` and the rest. `schemes.ts` lists all. */
export interface Scheme {
  /** What stands before the first colon of its addresses, in lower case. */
  readonly names: readonly string[]
  /** Its addresses in short, for help: `s3://BUCKET/PREFIX`. */
  readonly form: string
  /** Its addresses in full, for messages: what a valid one looks like. */
  readonly rule: string
  /** What completions offer: the beginning of an address. */
  readonly begins: string
  /** Whether an address is valid; nothing is opened. */
  isValid(address: string): boolean
  /** The same address with an absolute path, for addresses that hold one. */
  resolve?(address: string, directory: string): string
  /** The address for people, without what may be secret; as it is when absent. */
  format?(address: string): string
  /**
   * Opens a valid, resolved address, which the caller closes. Throws a UserError when it cannot be opened.
   */
  open(address: string, host: SchemeHost): Promise<OpenedStore>
}
