import { expect, it } from 'vitest'
import { type Digest, type Hasher, toDigest } from '../wire/digest.ts'
import type { PassedKind } from '../wire/passed.ts'
import { StorageError, type TroubleCode } from '../wire/trouble.ts'
import type { Facts, OpenOptions, PutOptions, Storage } from './storage.ts'

/** An adapter over an empty store of its own, and ways to change that store without the adapter's knowledge. */
export interface StorageUnderTest {
  readonly storage: Storage
  /** Makes a file, or overwrites it in place, and the directories it needs where the store has such. */
  write(name: string, bytes: Uint8Array): Promise<void>
  remove(name: string): Promise<void>
  /** Whether `storage` takes `put`. Where it does not, the suite asserts that it refuses. */
  readonly writable: boolean
  /**
   * Whether a stream that is open sees what `write` does to its file (a file on a disk): then it must error. Otherwise
   * it holds the old content (an object in a bucket): then it must end with exactly that.
   */
  readonly seesChanges: boolean
  /** Whether `list` shows what lies at or below a name that begins with a dot; it does when absent. */
  readonly hidesDots?: boolean
  /** Whether a segment of a name may have more than 255 bytes; it may not when absent. */
  readonly holdsLongSegments?: boolean
  /**
   * Puts what `list` cannot show beside the files, and says for each its kind and how it is shown as an example. Nothing
   * of the kind can be put into the store when absent.
   */
  plant?(): Promise<readonly Planted[]>
  close(): Promise<void>
}

/** Something that is passed over. */
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

const encoder = new TextEncoder()

/** Text as UTF-8. */
export function toBytes(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text)
}

/** Bytes without a pattern that a shifted or repeated block could hide in, the same for the same seed. */
export function createNoise(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let state = seed
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

export async function hash(bytes: Uint8Array<ArrayBuffer>): Promise<Digest> {
  return toDigest(await crypto.subtle.digest('SHA-256', bytes))
}

/** A `CreateHasher` without a host: it keeps what it is given. */
export function createBufferHasher(): Hasher {
  const chunks: Uint8Array<ArrayBuffer>[] = []
  return {
    update: (bytes) => void chunks.push(bytes.slice()),
    digest: async () => await hash(await new Blob(chunks).bytes()),
  }
}

/** A stream that gives `bytes` in pieces, and can tell how it ended. */
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

/** A body of one chunk, and whether any of it was asked for. */
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

/** What `put` wants to know of these bytes. */
export async function toPut(bytes: Uint8Array<ArrayBuffer>, replaces: Digest | null): Promise<PutOptions> {
  return { size: bytes.length, digest: await hash(bytes), replaces }
}

export async function describeOne(storage: Storage, name: string): Promise<Facts | null> {
  const [promise] = storage.describe([name])
  if (promise === undefined) throw new Error('describe gave no promise for its name')
  return await promise
}

export async function drain(body: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(body).arrayBuffer())
}

/** The bytes that `open` gives for a file that must be there. */
export async function readBytes(storage: Storage, name: string, options?: OpenOptions) {
  const opened = await storage.open(name, options)
  if (opened === null) throw new Error(`'${name}' is not there`)
  return await drain(opened.body)
}

/** Asserts that a promise rejects with a StorageError of this code, whose message is for people. */
export async function expectTrouble(promise: Promise<unknown> | undefined, code: TroubleCode): Promise<void> {
  if (promise === undefined) throw new Error('there is no promise to reject')
  const error = await promise.then(
    (value) => expect.fail(`gave ${JSON.stringify(value)} instead of the error ${code}`),
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

/** Asserts equality without the runner's slow report on megabytes. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length)
  const at = actual.findIndex((byte, i) => byte !== expected[i])
  expect(at, 'the first byte that differs').toBe(-1)
}

/** No names of files below a root. */
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

/** Names that some layer between a client and a disk is likely to take for something else. */
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
