import { generate, toStream, type Use } from '../../bytes/chunks.ts'
import { type Body, createAnswer, toBodyChunks } from '../../http/answer.ts'
import type { RequestHead } from '../../http/app.ts'
import { createDelimiters, type Delimiters } from '../../http/multipart.ts'
import { createProblem } from '../../http/problems.ts'
import { toMediaType, toTimeFields } from '../../http/serve-content.ts'
import { toReprDigest } from '../../wire/fields/fields.ts'
import { MAX_MULTIPART_VERSIONS } from '../../wire/limits.ts'
import type { Manifest } from '../../wire/schemas/manifest.ts'
import { type Comparison, isSendable, type SentVersion } from '../compare/compare.ts'
import { toFields, toManifest } from '../compare/report.ts'
import type { ReadRequest } from '../context.ts'
import { chooseConflictForm } from './accept.ts'
import { openVersion } from './open-version.ts'

const encoder = new TextEncoder()

/**
 * Answers that the copies differ. A client whose `Accept` names `multipart/mixed` gets 300 with every version
 * (RFC 9110 §15.4.1), unless they are too many. Others get 409, as a page or as a problem document.
 */
export async function answerConflict(
  request: RequestHead,
  read: ReadRequest,
  comparison: Comparison,
): Promise<Response> {
  const manifest = toManifest(read.name, comparison)
  const fields = { ...toFields(comparison), Vary: 'Accept' }
  const form = chooseConflictForm(request)
  if (form === 'multipart' && manifest.versions.length <= MAX_MULTIPART_VERSIONS) {
    return answerVersions(request.method, read, comparison, { manifest, fields })
  }
  if (form === 'html') {
    const { answerConflictPage } = await import('../page/file/conflict-page.ts')
    return answerConflictPage(manifest, fields)
  }
  const detail = `there are ${manifest.versions.length} versions; ask for one by its href, or for up to ${MAX_MULTIPART_VERSIONS} of them as multipart/mixed`
  return createProblem('conflict', detail, { manifest, fields })
}

/** A part of a multipart body (RFC 2046 §5.1.1). */
interface Part {
  readonly head: Uint8Array
  readonly size: number
  readonly open: () => Promise<Body>
}

function answerVersions(
  method: string,
  read: ReadRequest,
  comparison: Comparison,
  { manifest, fields }: { manifest: Manifest; fields: Record<string, string> },
): Response {
  const { boundary, toHead, end } = createDelimiters()
  const parts = [
    toManifestPart(manifest, toHead),
    // A version that only lists know has no bytes: the manifest alone tells of it.
    ...comparison.versions
      .filter(isSendable)
      .map((version) => toVersionPart(read, comparison, version, toHead)),
  ]
  const length = parts.reduce((sum, { head, size }) => sum + head.length + size, end.length)
  const body = method === 'HEAD' ? null : streamParts(parts, end)
  const own = {
    'Content-Type': `multipart/mixed; boundary="${boundary}"`,
    'Content-Length': String(length),
    'Cache-Control': 'no-store',
  }
  return createAnswer(300, { ...fields, ...own }, body)
}

function toManifestPart(manifest: Manifest, toHead: Delimiters['toHead']): Part {
  const bytes = encoder.encode(JSON.stringify(manifest))
  const fields = { 'Content-Type': 'application/json', 'Content-Length': String(bytes.length) }
  const head = toHead(fields)
  return { head, size: bytes.length, open: async () => bytes }
}

function toVersionPart(
  read: ReadRequest,
  comparison: Comparison,
  version: SentVersion,
  toHead: Delimiters['toHead'],
): Part {
  const { size, digest, modified, holders } = version
  const head = toHead({
    'Content-Type': toMediaType(read.name),
    'Content-Length': String(size),
    'Content-Disposition': `attachment; filename="${holders[0]}_version${toExtension(read.name)}"`,
    'Repr-Digest': toReprDigest(digest),
    'Replica-Status': toFields(comparison, version)['Replica-Status'] ?? '',
    ...toTimeFields(modified),
  })
  return { head, size, open: () => openVersion(read, version) }
}

/** The extension of a name with its dot; empty when it would need escaping in a quoted string. */
function toExtension(name: string): string {
  return /[^/](\.[A-Za-z0-9_-]+)$/.exec(name)?.[1] ?? ''
}

/** The parts in order, each opened after the one before was sent, and cancelled when the client leaves. */
function streamParts(parts: readonly Part[], end: Uint8Array): ReadableStream<Uint8Array> {
  return toStream(generate((use) => sendParts(parts, end, use)))
}

async function* sendParts(parts: readonly Part[], end: Uint8Array, use: Use): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    yield part.head
    yield* use(toBodyChunks(await part.open()))
  }
  yield end
}
