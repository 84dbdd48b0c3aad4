import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fromBytes, toStream } from '../bytes/chunks.ts'
import { parseContentRange } from '../wire/fields/ranges.ts'
import { MAX_RANGE_GAP_BYTES } from '../wire/limits.ts'
import { answerContent, toRepresentation } from './serve-content.ts'

type Opened = { readonly offset: number; readonly length: number }

/** Answers this `Range` of `content`; `opened` collects what was opened. */
async function answer(
  content: Uint8Array<ArrayBuffer>,
  field: string,
  { isPartCheap = true, piece = 3 }: { readonly isPartCheap?: boolean; readonly piece?: number } = {},
) {
  const opened: Opened[] = []
  const facts = { name: 'a.txt', size: content.length, digest: 'a'.repeat(64), modified: null }
  const response = await answerContent(
    new Request('http://localhost/', { headers: { Range: field } }),
    toRepresentation(facts, {}),
    (range = { offset: 0, length: content.length }) => {
      opened.push(range)
      return toPieces(content.subarray(range.offset, range.offset + range.length), piece)
    },
    () => isPartCheap,
  )
  return { response, opened, body: new Uint8Array(await response.arrayBuffer()) }
}

/** A stream of the bytes in pieces of this length. */
function toPieces(bytes: Uint8Array<ArrayBuffer>, length: number): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close()
      controller.enqueue(bytes.subarray(at, at + length))
      at += length
    },
  })
}

/** The parts of a multipart body, read by its boundary alone (RFC 2046 §5.1.1). */
function readParts(response: Response, body: Uint8Array) {
  const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(
    response.headers.get('Content-Type') ?? '',
  )?.[1]
  const text = new TextDecoder('latin1').decode(body)
  const pieces = text.split(`\r\n--${boundary}`)
  expect(pieces.shift()).toBe('')
  expect(pieces.pop()).toBe('--\r\n')
  return pieces.map((piece) => {
    const at = piece.indexOf('\r\n\r\n')
    const fields = piece.slice(0, at)
    expect(fields).toMatch(/^\r\nContent-Type: text\/plain\r\nContent-Range: bytes /)
    return {
      range: parseContentRange(/Content-Range: (.*)$/.exec(fields)?.[1] ?? ''),
      bytes: piece.slice(at + 4),
    }
  })
}

const letters = new TextEncoder().encode('abcdefghijklmnopqrstuvwxyz')

it('sends several ranges in one body, each with its place, and says how long it is', async () => {
  const { response, body } = await answer(letters, 'bytes=0-1,5-5, -3')
  expect(response.status).toBe(206)
  expect(response.headers.get('Content-Length')).toBe(String(body.length))
  expect(response.headers.get('Content-Range')).toBeNull()
  expect(response.headers.get('ETag')).toBe(`"${'a'.repeat(64)}"`)
  expect(readParts(response, body)).toEqual([
    { range: { offset: 0, length: 2, size: 26 }, bytes: 'ab' },
    { range: { offset: 5, length: 1, size: 26 }, bytes: 'f' },
    { range: { offset: 23, length: 3, size: 26 }, bytes: 'xyz' },
  ])
})

it('answers one range that is left as a single part', async () => {
  const { response, body } = await answer(letters, 'bytes=3-4,100-200')
  expect(response.headers.get('Content-Range')).toBe('bytes 3-4/26')
  expect(new TextDecoder().decode(body)).toBe('de')
})

it('sends for any set of ranges exactly the bytes that they name, however these are stored', async () => {
  const sets = fc.array(fc.tuple(fc.nat({ max: 9 }), fc.integer({ min: 1, max: 9 })), {
    minLength: 2,
    maxLength: 8,
  })
  await fc.assert(
    fc.asyncProperty(sets, fc.integer({ min: 1, max: 12 }), fc.boolean(), async (set, piece, isPartCheap) => {
      let at = 0
      const ranges = set.map(([gap, length]) => {
        const offset = at + gap
        at = offset + length
        return { offset, length }
      })
      const content = Uint8Array.from({ length: at + 3 }, (_, i) => (i * 7) % 256)
      const field = `bytes=${ranges.map(({ offset, length }) => `${offset}-${offset + length - 1}`).join(',')}`
      const { response, body } = await answer(content, field, { piece, isPartCheap })
      expect(response.headers.get('Content-Length')).toBe(String(body.length))
      const latin = new TextDecoder('latin1')
      expect(readParts(response, body)).toEqual(
        ranges.map((range) => ({
          range: { ...range, size: content.length },
          bytes: latin.decode(content.subarray(range.offset, range.offset + range.length)),
        })),
      )
    }),
  )
})

it('reads a gap that is small, and leaves out one that is large', async () => {
  const content = new Uint8Array(3 * MAX_RANGE_GAP_BYTES)
  const far = 2 * MAX_RANGE_GAP_BYTES
  const { opened } = await answer(content, `bytes=0-0,9-9,${far}-${far}`, { piece: 65_536 })
  expect(opened).toEqual([
    { offset: 0, length: 10 },
    { offset: far, length: 1 },
  ])
})

it('opens a content once where each part would cost the whole', async () => {
  const content = new Uint8Array(3 * MAX_RANGE_GAP_BYTES)
  const { opened } = await answer(content, 'bytes=0-0,-1', { piece: 65_536, isPartCheap: false })
  expect(opened).toEqual([{ offset: 0, length: content.length }])
})

it.each([
  ['descend', Array.from({ length: 1000 }, (_, i) => `${2000 - 2 * i}-${2000 - 2 * i}`)],
  ['overlap', Array.from({ length: 1000 }, (_, i) => `${i}-${i + 500}`)],
  ['are many', Array.from({ length: 1000 }, (_, i) => `${2 * i}-${2 * i}`)],
])('sends the whole once for 1,000 ranges that %s', async (_, specs) => {
  const content = new Uint8Array(4000)
  const { response, opened } = await answer(content, `bytes=${specs.join(',')}`, { piece: 4000 })
  expect(response.status).toBe(200)
  expect(opened).toEqual([{ offset: 0, length: 4000 }])
})

it('rejects when the first part cannot be opened, and breaks off when a later one cannot', async () => {
  const facts = { name: 'a', size: 1_000_000, digest: 'a'.repeat(64), modified: null }
  const failing = (nth: number) => {
    let opened = 0
    return () => {
      if (++opened === nth) throw new Error('gone')
      return toStream(fromBytes(new Uint8Array(1)))
    }
  }
  const request = new Request('http://localhost/', { headers: { Range: 'bytes=0-0,999999-' } })
  const representation = toRepresentation(facts, {})
  await expect(answerContent(request, representation, failing(1))).rejects.toThrow('gone')
  const response = await answerContent(request, representation, failing(2))
  await expect(response.arrayBuffer()).rejects.toThrow('gone')
})

it('cancels the part that is under way when the client leaves', async () => {
  const facts = { name: 'a', size: 1_000_000, digest: 'a'.repeat(64), modified: null }
  const cancelled: unknown[] = []
  const request = new Request('http://localhost/', { headers: { Range: 'bytes=0-9,999990-' } })
  const response = await answerContent(request, toRepresentation(facts, {}), () => {
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) =>
      controller.enqueue(new Uint8Array(1))
    return new ReadableStream({ pull, cancel: (reason) => void cancelled.push(reason) }, { highWaterMark: 0 })
  })
  const reader = response.body?.getReader()
  await reader?.read()
  await reader?.read()
  await reader?.cancel('left')
  expect(cancelled).toEqual(['left'])
})
