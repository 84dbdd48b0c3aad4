import { expect, it } from 'vitest'
import type { Digest } from '../../wire/digest.ts'
import type { PassedKind } from '../../wire/passed.ts'
import { StorageError, type StorageErrorCode } from '../../wire/storage-error.ts'
import type { Facts } from '../facts.ts'
import type { OpenOptions, PutOptions, Storage, WritableStorage } from '../storage.ts'
import { requireWritable } from '../writable.ts'
import { hash } from './set-up.suite.ts'

/** An adapter over an empty store, and functions that change the store without the adapter. */
export interface StorageUnderTest {
  readonly storage: Storage
  /** Creates a file, or overwrites it in place; creates its directories where the store has directories. */
  write(name: string, bytes: Uint8Array): Promise<void>
  remove(name: string): Promise<void>
  /** Whether `storage` accepts writes; if not, the suite asserts that it has no `put`, or that it rejects. */
  readonly writable: boolean
  /**
   * Whether an open stream sees what `write` does to its file, as on a disk: then the stream must error.
   * Otherwise it keeps the old content, as of an object in a bucket, and must end with exactly that content.
   */
  readonly seesChanges: boolean
  /** Whether `list` omits names that begin with a dot, and those below them; it lists them when absent. */
  readonly hidesDots?: boolean
  /** Whether a segment of a name may have more than 255 bytes; it may not when absent. */
  readonly holdsLongSegments?: boolean
  /**
   * Whether it can hold a file of this valid name, which is too long once encrypted perhaps; it can when
   * absent.
   */
  holds?(name: string): boolean
  /** Whether its `move` refuses, since the store behind it cannot move a file; it moves when absent. */
  readonly refusesMoves?: boolean
  /**
   * Creates entries that `list` cannot show, and returns the kind and the example text of each. Absent for a
   * store that cannot contain such entries.
   */
  plant?(): Promise<readonly Planted[]>
  close(): Promise<void>
}

/** An entry that a listing skips. */
export interface Planted {
  readonly kind: PassedKind
  readonly example: string
}

/** Those of `names` that the store lists. */
export function toListed(
  { hidesDots }: Pick<StorageUnderTest, 'hidesDots'>,
  names: readonly string[],
): string[] {
  return names.filter((name) => !hidesDots || !/(^|\/)\./.test(name))
}

/** Those of `ODD_NAMES` that the store can hold. */
export function toOddNames({ holds }: Pick<StorageUnderTest, 'holds'>): readonly string[] {
  return ODD_NAMES.filter((name) => holds?.(name) ?? true)
}

/** Returns an empty store, and the storage over it, for one test. */
export type Setup = () => Promise<StorageUnderTest>

/** One test with a store of its own. */
export function createFact(setup: Setup) {
  return (title: string, run: (under: StorageUnderTest) => Promise<void>): void => {
    it(title, async () => {
      const under = await setup()
      try {
        await run(under)
      } finally {
        await under.close()
      }
    })
  }
}

/** Bytes without a pattern in which a shifted or repeated block could hide; the same for the same seed. */
export function createNoise(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let state = seed
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** A storage that can be written to, over a store of its own. */
export interface WritableUnderTest extends StorageUnderTest {
  readonly storage: WritableStorage
}

/** As `createFact`, for storages that accept writes; `runReadOnly` is the test of one that does not. */
export function createWritableFact(
  setup: Setup,
  runReadOnly: (under: StorageUnderTest) => Promise<void>,
): (title: string, run: (under: WritableUnderTest) => Promise<void>) => void {
  const fact = createFact(setup)
  return (title, run) =>
    fact(`${title}; read-only where writes are not accepted`, (under) =>
      under.writable ? run({ ...under, storage: requireWritable(under.storage) }) : runReadOnly(under),
    )
}

/** A stream of `bytes` in pieces, and a function that returns whether it ended. */
export function createSource(bytes: Uint8Array, pieceBytes = 64 * 1024) {
  let position = 0
  let ended = false
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (position < bytes.length) controller.enqueue(bytes.slice(position, position + pieceBytes))
      else {
        ended = true
        controller.close()
      }
      position += pieceBytes
    },
    cancel() {
      ended = true
    },
  })
  /** Whether it was read to its end or cancelled. */
  return { body, isEnded: () => ended }
}

/** A body of one chunk, and a function that returns whether the chunk was asked for. */
export function createUntouched() {
  let isTouched = false
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        isTouched = true
        controller.enqueue(new Uint8Array(1))
        controller.close()
      },
    },
    { highWaterMark: 0 },
  )
  return { body, isTouched: () => isTouched }
}

/** The options of `put` for these bytes. */
export async function toPut(bytes: Uint8Array<ArrayBuffer>, replaces: Digest | null): Promise<PutOptions> {
  return { size: bytes.length, digest: await hash(bytes), replaces }
}

export async function describeOne(storage: Storage, name: string): Promise<Facts | null> {
  const [promise] = storage.describe([name])
  if (promise === undefined) throw new Error('describe returned no promise for its name')
  return await promise
}

export async function drain(body: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(body).arrayBuffer())
}

/** The bytes of a file that must exist, read by `open`. */
export async function readBytes(storage: Storage, name: string, options?: OpenOptions) {
  const opened = await storage.open(name, options)
  if (opened === null) throw new Error(`open returned null for '${name}', which exists`)
  return await drain(opened.body)
}

/** Asserts that a promise rejects with a StorageError of this code that has a message. */
export async function expectTrouble(
  promise: Promise<unknown> | undefined,
  code: StorageErrorCode,
): Promise<void> {
  if (promise === undefined) throw new Error('expected a promise, and the storage returned none')
  const error = await promise.then(
    (value) => expect.fail(`resolved with ${JSON.stringify(value)} instead of rejecting with ${code}`),
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(StorageError)
  // Asserted just above.
  const trouble = error as StorageError
  expect({ code: trouble.code, message: trouble.message }).toEqual({
    code,
    message: expect.stringMatching(/\w/),
  })
}

/** Asserts equality; the runner's own report is slow for megabytes. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length)
  expect(findDifference(actual, expected), 'the first byte that differs').toBe(-1)
}

/** A loop, since to call a function for each byte of megabytes takes many times as long. */
function findDifference(actual: Uint8Array, expected: Uint8Array): number {
  for (let i = 0; i < actual.length; i++) if (actual[i] !== expected[i]) return i
  return -1
}

/** Texts that are not valid names. */
export const INVALID_NAMES: readonly string[] = [
  '',
  '/',
  '/etc/passwd',
  'a/',
  'a//b',
  '.',
  '..',
  './a',
  'a/.',
  'a/./b',
  '../a',
  '../../etc/passwd',
  'a/../b',
  'a/..',
  'a\\b',
  '..\\a',
  'a\0',
  '\0',
  'a\ud800',
  '\udc00a',
  `${'x'.repeat(200)}/`.repeat(6),
  `${'x'.repeat(250)}/${'x'.repeat(250)}/${'x'.repeat(250)}/${'x'.repeat(250)}/${'x'.repeat(21)}`,
  '.vouch',
  '.vouch/tmp/x',
]

/** Valid names that a layer between a client and a disk may mistake. */
export const ODD_NAMES: readonly string[] = [
  'with space.txt',
  ' leading',
  'trailing ',
  'trailing.',
  '100%.txt',
  '%41.txt',
  '%2e%2e',
  '%2Fetc%2Fpasswd',
  'what?.txt',
  'a?version=1',
  '#1.txt',
  'a+b.txt',
  'a&b=c;d.txt',
  'quote"\'`.txt',
  'line\nbreak',
  'return\rtab\t',
  '\u0001\u007f\u0085',
  '\u2028\u2029',
  '\u202egnp.exe',
  '\ufeffbom',
  'caf\u00e9',
  'cafe\u0301',
  '\u{1f600}/\u{10ffff}',
  '\ue000\uffff',
  'Case',
  'case',
  '...',
  '..a',
  'a..',
  '.hidden',
  'a/.vouch/x',
  '.vouch2',
  '-rf',
  '~',
  'C:',
  'CON',
  'nul.txt',
  '*',
  'a|b',
  '<b>',
  '{}',
  '[1]',
  '__proto__',
  'constructor',
  'FILE_NOT_FOUND',
  'x'.repeat(255),
  `${'x'.repeat(250)}/${'x'.repeat(250)}/${'x'.repeat(250)}/${'x'.repeat(250)}/${'x'.repeat(20)}`,
]

/** Keys of a bucket that are not valid names. */
export const UNLISTED: readonly Planted[] = [
  { kind: 'empty-segment', example: '/' },
  { kind: 'empty-segment', example: '/lead' },
  { kind: 'empty-segment', example: 'd//x' },
  { kind: 'empty-segment', example: 'e/' },
  { kind: 'dot-segment', example: 'd/../x' },
  { kind: 'dot-segment', example: 'z/.' },
  { kind: 'backslash', example: 'd/x\\y' },
  { kind: 'backslash', example: 'x\\y' },
  { kind: 'reserved', example: '.vouch' },
]
