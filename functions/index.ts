// The entry 'vouch': everything that runs on any host. docs/api.md is generated from this file.

export { type Chunks, fromBytes, toStream } from './bytes/chunks.ts'
export type { Deadlines } from './coordinator/ask/deadlines.ts'
export type { Defer, Replica } from './coordinator/ask/member.ts'
export { type CoordinatorOptions, createCoordinator } from './coordinator/coordinator.ts'
export type { Require } from './coordinator/parameters.ts'
export type { AppEnv, AppOptions } from './http/app.ts'
export {
  createSigner,
  formatPublicKey,
  generateKey,
  type PublicKey,
  parsePublicKey,
  type Signer,
} from './proof/keys.ts'
export { NoteError, type Signed, type VerifiedNote, verifyNote } from './proof/note.ts'
export { type Content, parseReceiptText } from './proof/receipt.ts'
export type { Statement } from './proof/statement.ts'
export { createReplica, type ReplicaOptions } from './replica/replica.ts'
export type { Evidence, Facts, SizedFacts } from './storage/facts.ts'
export { createMemoryStorage, type MemoryStorage } from './storage/memory.ts'
export { compareNames, parseName, requireName } from './storage/names.ts'
export { createDigestCache } from './storage/objects/digest-cache.ts'
export type { DigestCache, Known } from './storage/objects/object-digests.ts'
export { createObjectStorage, type ObjectStorageOptions } from './storage/objects/object-storage.ts'
export type {
  GetOptions,
  ObjectInfo,
  ObjectPage,
  Objects,
  ObjectWrites,
  OpenedObject,
  WriteOptions,
} from './storage/objects/objects.ts'
export type { RemoteOptions, Send, SendInit } from './storage/remote/remote.ts'
export { createRemoteStorage } from './storage/remote/remote.ts'
export type { Reply } from './storage/remote/replies.ts'
export type {
  DescribeOptions,
  Entry,
  Kept,
  KeptPage,
  ListKeptOptions,
  ListOptions,
  MoveOptions,
  Opened,
  OpenOptions,
  Page,
  PutOptions,
  RestoreOptions,
  SignedTree,
  Storage,
  SurveyOptions,
  WritableStorage,
} from './storage/storage.ts'
export type { Select } from './storage/survey/globs.ts'
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
} from './storage/survey/survey.ts'
export { createStaticWeb, type StaticWebOptions } from './storage/web/static-web.ts'
export { isWritable } from './storage/writable.ts'
export { type CreateHasher, type Digest, type Hasher, isDigest, toDigest } from './wire/digest.ts'
export type { ByteRange } from './wire/fields/ranges.ts'
export type { Trace } from './wire/fields/trace.ts'
export { MAX_LISTING_PAGE } from './wire/limits.ts'
export type { Log, RequestEntry } from './wire/log.ts'
export type { Passed, PassedKind } from './wire/passed.ts'
export { StorageError, type StorageErrorCode } from './wire/storage-error.ts'
export type { CreateSum, SumAlgorithm, Sums } from './wire/sums.ts'
