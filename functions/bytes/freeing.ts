// A server frees a large chunk as soon as it is sent. V8 counts the memory of chunks as its own: left to V8,
// every 32 MiB that are sent cost a collection of the whole heap. A chunk may be freed only when nobody else
// has it: its source allows that, and all that read it on its way to the server read it by `toChunks`.

const freeable = new WeakSet<Uint8Array>()

/** Allows the last reader of `chunk` to free it. The caller has no other use for its memory. */
export function allowFreeing(chunk: Uint8Array<ArrayBuffer>): void {
  freeable.add(chunk)
}

/** Leaves the memory of `chunk` to V8. The caller gives it to a reader that may keep it. */
export function forbidFreeing(chunk: Uint8Array): void {
  freeable.delete(chunk)
}

/** Frees the memory of `chunk` if that is allowed: it is empty then. The caller is its last reader. */
export function free(chunk: Uint8Array): void {
  if (freeable.delete(chunk) && chunk.buffer instanceof ArrayBuffer) chunk.buffer.transfer(0)
}
