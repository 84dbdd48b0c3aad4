// The entry 'vouch/node': what Node adds. docs/api.md is made from this file.

export type { Filled, FillOptions } from './digests/fill-index.ts'
export type { IndexState } from './digests/index-health.ts'
export { createDirectoryStorage, type DirectoryOptions, type DirectoryStorage } from './directory-storage.ts'
export type { Counts } from './disk/disk.ts'
export { createHasher } from './hasher.ts'
export { createSend, type SendOptions } from './http/http-client.ts'
export { type Fetch, type Peer, type Served, type ServeOptions, serve } from './http/serve.ts'
export type { TlsFiles, TlsOption } from './http/tls.ts'
