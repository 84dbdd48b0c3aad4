import { expect, it } from 'vitest'
import { type Chunks, fromBytes, primed, sliced, toChunks, toStream } from './chunks.ts'
import { allowFreeing, forbidFreeing, free } from './freeing.ts'

function createChunk(): Uint8Array<ArrayBuffer> {
  const chunk = new Uint8Array(1000).fill(7)
  allowFreeing(chunk)
  return chunk
}

const toBody = (chunk: Uint8Array) => toStream(fromBytes(chunk))

/** Reads chunks to their end and frees each, as a server does. */
async function send(chunks: Chunks): Promise<void> {
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) free(next.value)
}

it('a chunk that only this project has passed on is freed', async () => {
  const chunk = createChunk()
  await send(toChunks(toStream(await primed(toChunks(toBody(chunk))))))
  expect(chunk).toHaveLength(0)
})

it('a chunk is not freed unless its source allows it', () => {
  const chunk = new Uint8Array(1000)
  free(chunk)
  expect(chunk).toHaveLength(1000)
  allowFreeing(chunk)
  forbidFreeing(chunk)
  free(chunk)
  expect(chunk).toHaveLength(1000)
})

/** A body that passes on what it keeps. */
function keep(body: ReadableStream<Uint8Array>, kept: Uint8Array[]): ReadableStream<Uint8Array> {
  const keeping = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      kept.push(chunk)
      controller.enqueue(chunk)
    },
  })
  return body.pipeThrough(keeping)
}

it('a chunk that others read on its way is not freed', async () => {
  const kept: Uint8Array[] = []
  await send(toChunks(keep(toBody(createChunk()), kept)))
  const [one, other] = toBody(createChunk()).tee()
  await send(toChunks(one))
  for await (const chunk of other) kept.push(chunk)
  expect(kept.map(({ length }) => length)).toEqual([1000, 1000])
})

it('a part of a chunk frees nothing of it', async () => {
  const chunk = createChunk()
  await send(sliced(toChunks(toBody(chunk)), { offset: 0, length: 1000 }))
  expect(chunk).toHaveLength(1000)
})
