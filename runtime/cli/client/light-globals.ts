import { fromBytes, toStream } from '../../../functions/bytes/chunks.ts'

// What a coordinator in this process uses of Headers, Request and Response (https://fetch.spec.whatwg.org/)
// and of performance.
// Node loads its own with the first use of one, which takes as long as all else that a short command does.

type Fields = LightHeaders | Readonly<Record<string, string>>

class LightHeaders {
  readonly #fields = new Map<string, string>()

  constructor(fields: Fields = {}) {
    const pairs = fields instanceof LightHeaders ? fields : Object.entries(fields)
    for (const [name, value] of pairs) this.append(name, value)
  }

  get(name: string): string | null {
    return this.#fields.get(name.toLowerCase()) ?? null
  }

  has(name: string): boolean {
    return this.#fields.has(name.toLowerCase())
  }

  keys(): Iterator<string> {
    return this.#fields.keys()
  }

  set(name: string, value: string): void {
    this.#fields.set(name.toLowerCase(), value)
  }

  append(name: string, value: string): void {
    const before = this.get(name)
    this.set(name, before === null ? value : `${before}, ${value}`)
  }

  delete(name: string): void {
    this.#fields.delete(name.toLowerCase())
  }

  forEach(work: (value: string, name: string) => void): void {
    for (const [name, value] of this) work(value, name)
  }

  [Symbol.iterator]() {
    return this.#fields[Symbol.iterator]()
  }
}

type LightBody = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null

class Message {
  readonly headers: LightHeaders
  readonly #given: LightBody
  #body: ReadableStream<Uint8Array> | null | undefined

  constructor(given: LightBody, fields: Fields | undefined) {
    this.headers = new LightHeaders(fields)
    this.#given = given
  }

  get body(): ReadableStream<Uint8Array> | null {
    this.#body ??= toBody(this.#given)
    return this.#body
  }
}

class LightRequest extends Message {
  readonly url: string
  readonly method: string
  readonly signal: AbortSignal

  constructor(url: string, { method = 'GET', headers, body = null, signal }: LightInit = {}) {
    super(body, headers)
    this.url = url
    this.method = method
    this.signal = signal ?? new AbortController().signal
  }
}

interface LightInit {
  readonly method?: string
  readonly headers?: Fields
  readonly body?: LightBody
  readonly signal?: AbortSignal
}

class LightResponse extends Message {
  readonly status: number

  constructor(body: LightBody = null, { status = 200, headers }: { status?: number; headers?: Fields } = {}) {
    super(body, headers)
    this.status = status
  }
}

function toBody(given: LightBody): ReadableStream<Uint8Array> | null {
  if (given === null || given instanceof ReadableStream) return given
  return toStream(fromBytes(typeof given === 'string' ? new TextEncoder().encode(given) : given))
}

/**
 * Replaces the globals `Headers`, `Request`, `Response` and `performance` of this process. Only an assignment
 * does not load Node's.
 */
export function replaceGlobals(): void {
  const performance = { now: () => 1000 * process.uptime() }
  Object.assign(globalThis, {
    Headers: LightHeaders,
    Request: LightRequest,
    Response: LightResponse,
    performance,
  })
}
