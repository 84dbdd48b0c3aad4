// The entry 'vouch/workers': everything for workerd. docs/api.md is generated from this file.

export type { Fetcher, R2Bucket } from './bindings.ts'
export { type CoordinatorEnv, parseReplicas, type ReplicaEnv } from './configuration.ts'
export { ConfigurationError } from './configuration-error.ts'
export { default as coordinator } from './coordinator.ts'
export { createDiskStorage } from './disk/disk-storage.ts'
export { createHasher } from './hasher.ts'
export { createR2Objects } from './r2/r2.ts'
export { default as replica } from './replica.ts'
export { type Answer, type CreateAnswer, createWorker, type Worker } from './respond.ts'
