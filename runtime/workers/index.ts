// What `import … from 'vouch/workers'` gives: what workerd adds. docs/api.md is made from this file.

export type { Fetcher } from './bindings.ts'
export { ConfigurationError, type CoordinatorEnv, parseReplicas } from './configuration.ts'
export { default as coordinator } from './coordinator.ts'
export { createDiskStorage } from './disk-storage.ts'
export { createHasher } from './hasher.ts'
export { default as replica, type ReplicaEnv } from './replica.ts'
export { type Answer, respond } from './respond.ts'
