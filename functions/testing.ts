// The entry 'vouch/testing': the conformance suite of storages for vitest. docs/api.md is generated from it.

export { describeStorage } from './storage/suite/storage.suite.ts'
export type { Planted, Setup, StorageUnderTest } from './storage/suite/suite-tools.suite.ts'
