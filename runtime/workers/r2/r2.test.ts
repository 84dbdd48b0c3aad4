import { describe, expect, it, vi } from 'vitest'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import type { R2Bucket, R2Object, R2ObjectBody } from '../bindings.ts'
import { MAX_R2_PUT_BYTES } from '../limits.ts'
import { createR2Objects } from './r2.ts'

// tests/stores/r2-storage.test.ts runs the suite on a bucket; these test what no simulated bucket does.

const OBJECT: R2Object = {
  key: 'a',
  version: 'v1',
  size: 1,
  etag: 'e1',
  uploaded: new Date(1000),
  checksums: {},
}

function toBody(object: R2Object) {
  const cancel = vi.fn()
  const opened: R2ObjectBody = { ...object, body: new ReadableStream({ type: 'bytes', cancel }) }
  return { opened, cancel }
}

/** A bucket that answers only as given here. */
function createBucket(answers: Partial<R2Bucket>): R2Bucket {
  const never = () => new Promise<never>(() => {})
  return { head: never, get: never, put: never, list: never, ...answers }
}

describe('a bucket of R2', () => {
  it('that never answers is abandoned when the request is aborted', async () => {
    const objects = createR2Objects(createBucket({}))
    const reason = new StorageError('unreachable', 'silent')
    for (const ask of [
      (signal: AbortSignal) => objects.head('a', signal),
      (signal: AbortSignal) => objects.get('a', { version: null, signal }),
      (signal: AbortSignal) => objects.list('', '', 1, signal),
    ]) {
      const abort = new AbortController()
      const asked = ask(abort.signal)
      abort.abort(reason)
      await expect(asked).rejects.toBe(reason)
    }
  })

  it('whose object arrives after the abort has it cancelled', async () => {
    const { opened, cancel } = toBody(OBJECT)
    const late = Promise.withResolvers<R2ObjectBody>()
    const objects = createR2Objects(createBucket({ get: () => late.promise }))
    const abort = new AbortController()
    const asked = objects.get('a', { version: null, signal: abort.signal })
    abort.abort()
    await expect(asked).rejects.toThrow()
    late.resolve(opened)
    await vi.waitFor(() => expect(cancel).toHaveBeenCalled())
  })

  it('that has another upload with the same ETag has changed', async () => {
    const { opened, cancel } = toBody({ ...OBJECT, version: 'v2' })
    const objects = createR2Objects(createBucket({ head: async () => OBJECT, get: async () => opened }))
    const version = (await objects.head('a', undefined))?.version ?? null
    await expect(objects.get('a', { version })).rejects.toMatchObject({ code: 'changed' })
    expect(cancel).toHaveBeenCalled()
  })

  it('whose listing has no checksums may still have them', async () => {
    const objects = createR2Objects(
      createBucket({ head: async () => OBJECT, list: async () => ({ objects: [OBJECT], truncated: false }) }),
    )
    expect((await objects.list('', '', 1, undefined)).objects).toMatchObject([{ stored: undefined }])
    expect(await objects.head('a', undefined)).toMatchObject({ stored: null })
  })

  it('that lists keys out of byte order, or twice, is rejected', async () => {
    const list = (...keys: string[]) =>
      createR2Objects(
        createBucket({
          list: async () => ({ objects: keys.map((key) => ({ ...OBJECT, key })), truncated: false }),
        }),
      ).list('', 'a', 1000, undefined)
    expect((await list('b', 'e\u0301', '\uffee', '😀')).objects).toHaveLength(4)
    await expect(list('b', 'f', 'e\u0301')).rejects.toMatchObject({ code: 'unreadable' })
    await expect(list('b', 'b')).rejects.toMatchObject({ code: 'unreadable' })
    await expect(list('a', 'b')).rejects.toMatchObject({ code: 'unreadable' })
  })

  it('receives no content too large for one conditional upload, and the body is cancelled', async () => {
    const put = vi.fn<R2Bucket['put']>()
    const { writes } = createR2Objects(createBucket({ put }))
    const { opened, cancel } = toBody(OBJECT)
    const size = MAX_R2_PUT_BYTES + 1
    const options = { size, digest: 'f'.repeat(64), over: null, modified: null }
    await expect(writes?.put('a', opened.body, options)).rejects.toMatchObject({ code: 'unreadable' })
    expect(cancel).toHaveBeenCalled()
    const from = { key: 'a', size, modified: null, version: 'e1 v1', stored: null }
    await expect(writes?.copy(from, 'b', undefined)).rejects.toMatchObject({ code: 'unreadable' })
    expect(put).not.toHaveBeenCalled()
  })
})
