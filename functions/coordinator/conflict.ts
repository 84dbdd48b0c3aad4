import { fromBytes, generate, toChunks, toStream } from '../storage/streams.ts'
import { type Body, createAnswer } from '../wire/answer.ts'
import { toReprDigest } from '../wire/fields.ts'
import { MAX_MULTIPART_VERSIONS } from '../wire/limits.ts'
import { createProblem } from '../wire/problems.ts'
import { toMediaType, toTimeFields } from '../wire/representation.ts'
import type { Manifest } from '../wire/schemas.ts'
import { chooseConflictForm } from './accept.ts'
import type { Comparison, Version } from './compare.ts'
import { answerConflictPage } from './page/conflict-page.ts'
import { openVersion, type Read } from './read.ts'
import { toFields, toManifest } from './report.ts'

const encoder = new TextEncoder()

/**
 * Tells that the copies differ: 300 `multipart/mixed` with every version to who names that type (RFC 9110 §15.4.1),
 * unless they are too many, else 409, as a page to who prefers one and as a problem document to everyone else.
 */
export function answerConflict(request: Request, read: Read, comparison: Comparison): Response {
  const manifest = toManifest(read.name, comparison)
  const fields = { ...toFields(comparison), Vary: 'Accept' }
  const form = chooseConflictForm(request)
  if (form === 'multipart' && manifest.versions.length <= MAX_MULTIPART_VERSIONS) {
    return answerVersions(request.method, read, comparison, { manifest, fields })
  }
  if (form === 'html') return answerConflictPage(manifest, fields)
  const detail = `there are ${manifest.versions.length} versions; ask for one by its href, or for up to ${MAX_MULTIPART_VERSIONS} of them as multipart/mixed`
  return createProblem('conflict', detail, { manifest, fields })
}

/** A part of a multipart body (RFC 2046 §5.1.1): its head, and where its content comes from. */
interface Part {
  readonly head: Uint8Array
  readonly size: number
  readonly open: () => Promise<Body>
}

function answerVersions(
  method: string,
  read: Read,
  comparison: Comparison,
  { manifest, fields }: { manifest: Manifest; fields: Record<string, string> },
): Response {
  // Random, so that no content can hold it by intent.
  const boundary = `vouch-${crypto.randomUUID()}`
  const parts = [
    toManifestPart(manifest, boundary),
    ...comparison.versions.map((version) => toVersionPart(read, comparison, version, boundary)),
  ]
  const end = encoder.encode(`\r\n--${boundary}--\r\n`)
  const length = parts.reduce((sum, { head, size }) => sum + head.length + size, end.length)
  const body = method === 'HEAD' ? null : streamParts(parts, end)
  const own = {
    'Content-Type': `multipart/mixed; boundary="${boundary}"`,
    'Content-Length': String(length),
    'Cache-Control': 'no-store',
  }
  return createAnswer(300, { ...fields, ...own }, body)
}

function toManifestPart(manifest: Manifest, boundary: string): Part {
  const bytes = encoder.encode(JSON.stringify(manifest))
  const head = toHead(boundary, {
    'Content-Type': 'application/json',
    'Content-Length': String(bytes.length),
  })
  return { head, size: bytes.length, open: async () => bytes }
}

function toVersionPart(read: Read, comparison: Comparison, version: Version, boundary: string): Part {
  const { size, digest, modified, holders } = version
  const head = toHead(boundary, {
    'Content-Type': toMediaType(read.name),
    'Content-Length': String(size),
    'Content-Disposition': `attachment; filename="${holders[0]}_version${toExtension(read.name)}"`,
    'Repr-Digest': toReprDigest(digest),
    'Replica-Status': toFields(comparison, version)['Replica-Status'] ?? '',
    ...toTimeFields(modified),
  })
  return { head, size, open: () => openVersion(read, version) }
}

function toHead(boundary: string, fields: Record<string, string>): Uint8Array {
  const lines = Object.entries(fields).map(([field, value]) => `${field}: ${value}\r\n`)
  return encoder.encode(`\r\n--${boundary}\r\n${lines.join('')}\r\n`)
}

/** The extension of a name, dot included, when it is one that stands in a quoted string as it is; else nothing. */
function toExtension(name: string): string {
  return /[^/](\.[A-Za-z0-9_-]+)$/.exec(name)?.[1] ?? ''
}

/** The parts one after the other, each opened when its turn comes, and freed when the client goes away. */
function streamParts(parts: readonly Part[], end: Uint8Array): ReadableStream<Uint8Array> {
  return toStream(
    generate(async function* (use) {
      for (const part of parts) {
        yield part.head
        const body = (await part.open()) ?? new Uint8Array()
        yield* use(body instanceof Uint8Array ? fromBytes(body) : toChunks(body))
      }
      yield end
    }),
  )
}
