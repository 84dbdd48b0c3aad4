// What `import … from 'vouch'` gives: what runs on any host. docs/api.md is made from this file.

export { type CoordinatorOptions, createCoordinator } from './coordinator/coordinator.ts'
export type { Defer, Replica } from './coordinator/gather.ts'
export type { Require } from './coordinator/parameters.ts'
export type { Deadlines } from './coordinator/silence.ts'
export { createReplica, type ReplicaOptions } from './replica/replica.ts'
export { createDigestCache } from './storage/digest-cache.ts'
export type { Select } from './storage/globs.ts'
export { createMemoryStorage, type MemoryStorage } from './storage/memory.ts'
export { compareNames, parseName, requireName } from './storage/names.ts'
export type { DigestCache, Known } from './storage/object-digests.ts'
export { createObjectStorage, type ObjectStorageOptions } from './storage/object-storage.ts'
export type {
  GetOptions,
  ObjectInfo,
  ObjectPage,
  Objects,
  ObjectWrites,
  OpenedObject,
  WriteOptions,
} from './storage/objects.ts'
export { createRemoteStorage, type RemoteOptions, type Send, type SendInit } from './storage/remote.ts'
export type { Reply } from './storage/replies.ts'
export { createStaticWeb, type StaticWebOptions } from './storage/static-web.ts'
export type {
  DescribeOptions,
  Entry,
  Evidence,
  Facts,
  Kept,
  KeptPage,
  ListKeptOptions,
  ListOptions,
  Opened,
  OpenOptions,
  Page,
  PutOptions,
  RestoreOptions,
  Storage,
  SurveyOptions,
} from './storage/storage.ts'
export { type Chunks, fromBytes, toStream } from './storage/streams.ts'
export type {
  Amount,
  EvidenceCounts,
  Found,
  Progress,
  Range,
  Skipped,
  Span,
  Survey,
  SurveyLine,
} from './storage/survey.ts'
export type { AppEnv, AppOptions } from './wire/app.ts'
export { type CreateHasher, type Digest, type Hasher, isDigest, toDigest } from './wire/digest.ts'
export { MAX_LISTING_PAGE } from './wire/limits.ts'
export type { Log, RequestEntry } from './wire/log.ts'
export type { Passed, PassedKind } from './wire/passed.ts'
export type { ByteRange } from './wire/ranges.ts'
export type { Trace } from './wire/trace.ts'
export { StorageError, type TroubleCode } from './wire/trouble.ts'
