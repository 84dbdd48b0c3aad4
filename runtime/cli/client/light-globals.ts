import { fromBytes, toStream } from '../../../functions/bytes/chunks.ts'

// What a coordinator in this process uses of Headers, Request and Response (https://fetch.spec.whatwg.org/),
// of ReadableStream (https://streams.spec.whatwg.org/) and of performance.
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
  readonly #headers: LightHeaders
  readonly #given: LightBody
  #body: ReadableStream<Uint8Array> | null | undefined

  constructor(given: LightBody, fields: Fields | undefined) {
    this.#headers = new LightHeaders(fields)
    this.#given = given
  }

  // A getter of the prototype, as it is in the specification: an answer puts its own before it.
  get headers(): LightHeaders {
    return this.#headers
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

type Source = UnderlyingDefaultSource<Uint8Array>
type Next = ReadableStreamReadResult<Uint8Array>
type Waiting = Pick<PromiseWithResolvers<Next>, 'resolve' | 'reject'>

/** A stream that holds no chunk in advance, and has one reader, which waits for one chunk at a time. */
export class LightStream {
  readonly #source: Source
  /** What `cancel`, `close` or `error` left to say to each read. */
  #last: ((waiting: Waiting) => void) | undefined
  #waiting: Waiting | undefined
  #controller = {
    desiredSize: 0,
    enqueue: (value: Uint8Array) => this.#answer(({ resolve }) => resolve({ done: false, value })),
    close: () => this.#end(({ resolve }) => resolve({ done: true, value: undefined })),
    error: (error: unknown) => this.#end(({ reject }) => reject(error)),
  } as const

  constructor(source: Source) {
    this.#source = source
    source.start?.(this.#controller as ReadableStreamDefaultController<Uint8Array>)
  }

  getReader() {
    return this
  }

  async read(): Promise<Next> {
    const { promise, ...waiting } = Promise.withResolvers<Next>()
    this.#waiting = waiting
    if (this.#last !== undefined) this.#answer(this.#last)
    else this.#pull().catch(this.#controller.error)
    return await promise
  }

  async cancel(reason?: unknown): Promise<void> {
    if (this.#last !== undefined) return
    this.#controller.close()
    await this.#source.cancel?.(reason)
  }

  async #pull(): Promise<void> {
    await this.#source.pull?.(this.#controller as ReadableStreamDefaultController<Uint8Array>)
  }

  #answer(say: (waiting: Waiting) => void): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting !== undefined) say(waiting)
  }

  #end(say: (waiting: Waiting) => void): void {
    this.#last ??= say
    this.#answer(this.#last)
  }
}

/**
 * Replaces the globals `Headers`, `Request`, `Response`, `performance` and, unless it `writes`,
 * `ReadableStream` of this process. Only an assignment does not load Node's.
 */
export function replaceGlobals({ writes }: { readonly writes: boolean }): void {
  const performance = { now: () => 1000 * process.uptime() }
  const light = { Headers: LightHeaders, Request: LightRequest, Response: LightResponse, performance }
  // A write pipes a stream, which a light one does not do.
  Object.assign(globalThis, light, writes ? {} : { ReadableStream: LightStream })
}
