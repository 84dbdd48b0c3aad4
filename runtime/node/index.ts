// What `import … from 'vouch/node'` gives: what Node adds. docs/api.md is made from this file.

export { createDirectoryStorage, type DirectoryOptions, type DirectoryStorage } from './directory-storage.ts'
export type { Counts } from './disk.ts'
export type { Filled, FillOptions } from './fill-index.ts'
export { createHasher } from './hasher.ts'
export { createSend, type SendOptions } from './http-client.ts'
export type { IndexState } from './index-health.ts'
export { type Fetch, type Peer, type Served, type ServeOptions, serve } from './serve.ts'
export type { TlsFiles, TlsOption } from './tls.ts'
