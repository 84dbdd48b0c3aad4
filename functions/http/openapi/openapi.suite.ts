import { Ajv2020, type AnySchema } from 'ajv/dist/2020.js'
import type { Content, Reply as Described, Document, Header, Ref } from './types.ts'

/** Fields of one connection or of the host, which no document describes. */
const TRANSPORT = new Set(['connection', 'content-type', 'date', 'keep-alive', 'transfer-encoding'])

/** Problems that any path may be answered with; those of a documented path are documented with it. */
const ANYWHERE = ['misdirected', 'unauthorized', 'uri-too-long', 'overloaded', 'internal-error']

/** Checks answers against a document. */
export interface Checker {
  /**
   * How the answer differs from the document; nothing when it does not. Reads a copy of
   * the body unless it is a file's.
   */
  check(method: string, path: string, answer: Response): Promise<string[]>
  /** The kinds of answers that were checked, as `GET /files 200 application/json`, and problem types. */
  readonly seen: ReadonlySet<string>
}

/** A member that no schema describes is a fault, even where the document leaves room for later ones. */
export function createChecker(document: Document): Checker {
  const ajv = new Ajv2020({ strict: false })
  ajv.addSchema(close(document) as AnySchema, 'document') // a document is no schema, but what its pointers lead to is
  const seen = new Set<string>()

  function validate(pointer: readonly string[], value: unknown): string[] {
    const path = pointer
      .map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1'))
      .map(encodeURIComponent)
    const schema = ajv.getSchema(`document#/${path.join('/')}`)
    if (schema === undefined) throw new Error(`no schema is at ${pointer.join(' ')}`)
    return schema(value) === true ? [] : [`${pointer.join(' ')}: ${ajv.errorsText(schema.errors)}`]
  }

  async function check(method: string, target: string, answer: Response): Promise<string[]> {
    // OpenAPI 3.1 has no place for this method.
    if (method === 'PROPFIND') return []
    const { pathname } = new URL(target, 'http://localhost')
    const path = Object.keys(document.paths).find((template) => toPattern(template).test(pathname))
    // A body at another path that is not JSON is a page for people, which the document leaves out.
    if (path === undefined && !isJson(answer)) return []
    const pointer = await findTold(document, path, method, answer)
    if (pointer === null) return [`${method} ${target}: ${answer.status} is not documented`]
    const described = get(document, pointer) as Described // what the pointer of a response leads to
    const [to, response] =
      '$ref' in described
        ? [follow(described), get(document, follow(described)) as Described]
        : [pointer, described]
    if ('$ref' in response) throw new Error('a reference leads to a response')
    const type = answer.headers.get('Content-Type')?.split(';')[0] ?? ''
    const form = findForm(response.content ?? {}, type)
    seen.add([method, path ?? 'elsewhere', answer.status, ...(form ? [form] : [])].join(' '))
    const faults = [
      ...checkFields(to, answer),
      ...(await checkBody(method, to, response.content, form, answer)),
    ]
    return faults.map((fault) => `${method} ${target}: ${answer.status}: ${fault}`)
  }

  function checkFields(to: readonly string[], { headers }: Response): string[] {
    const described = get(document, [...to, 'headers']) as Record<string, Header | Ref> // of a response
    const names = new Set(Object.keys(described).map((name) => name.toLowerCase()))
    const undocumented = [...headers.keys()].filter((name) => !names.has(name) && !TRANSPORT.has(name))
    const wrong = Object.entries(described).flatMap(([name, header]) => {
      const at = '$ref' in header ? follow(header as Ref) : [...to, 'headers', name]
      const { required, schema } = get(document, at) as Header // of the headers of a response
      const value = headers.get(name)
      if (value === null) return required ? [`${name} is missing`] : []
      return validate([...at, 'schema'], schema['type'] === 'integer' ? Number(value) : value)
    })
    return [...undocumented.map((name) => `${name} is not documented`), ...wrong]
  }

  async function checkBody(
    method: string,
    to: readonly string[],
    content: Readonly<Record<string, Content>> | undefined,
    form: string | null,
    answer: Response,
  ): Promise<string[]> {
    if (method === 'HEAD' || content === undefined) {
      return (await answer.clone().arrayBuffer()).byteLength === 0 ? [] : ['it has a body']
    }
    if (form === null) return [`${answer.headers.get('Content-Type')} is not documented`]
    if (form === '*/*') return []
    const at = [...to, 'content', form, 'schema']
    const text = await answer.clone().text()
    if (form.endsWith('json') && form !== 'application/x-ndjson') {
      if (form === 'application/problem+json') seen.add((JSON.parse(text) as { type: string }).type) // or it is a fault
      return validate(at, JSON.parse(text))
    }
    if (form === 'multipart/mixed') return validate(at, readParts(answer, text))
    if (form !== 'application/x-ndjson') return validate(at, text)
    const lines = text.split('\n')
    const end = lines.pop() === '' ? [] : ['the last line does not end']
    return [...end, ...lines.flatMap((line) => validate([...at, 'contentSchema'], JSON.parse(line)))]
  }

  return { check, seen }
}

/** Throws what `check` finds. */
export async function requireDocumented(
  checker: Checker,
  method: string,
  path: string,
  answer: Response,
): Promise<void> {
  const faults = await checker.check(method, path, answer)
  if (faults.length > 0) throw new Error(faults.join('\n'))
}

function isJson({ headers }: Response): boolean {
  return headers.get('Content-Type')?.includes('json') === true
}

function toPattern(template: string): RegExp {
  return new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '.*')}$`)
}

/** Where the document describes an answer of this status; null where it does not. */
async function findTold(document: Document, path: string | undefined, method: string, answer: Response) {
  const item: Readonly<Record<string, unknown>> | undefined =
    path === undefined ? undefined : document.paths[path]
  const verb = method.toLowerCase()
  if (path !== undefined && item?.[verb] !== undefined) {
    const pointer = ['paths', path, verb, 'responses', String(answer.status)]
    return get(document, pointer) === undefined ? null : pointer
  }
  const own = path === undefined ? 'no-such-resource' : 'method-not-allowed'
  const type = method === 'HEAD' ? own : ((await answer.clone().json()) as { type: string }).type // or it fails below
  return [own, ...ANYWHERE].includes(type) ? ['components', 'responses', type] : null
}

/** The media type under which a body of this `type` is described; null when it is not. */
function findForm(content: Readonly<Record<string, Content>>, type: string): string | null {
  return [type, '*/*'].find((form) => Object.hasOwn(content, form)) ?? null
}

function follow({ $ref }: Ref): string[] {
  return $ref.slice(2).split('/')
}

function get(document: unknown, pointer: readonly string[]): unknown {
  return pointer.reduce<unknown>(
    (value, key) => (value as Record<string, unknown> | undefined)?.[key],
    document,
  )
}

/** The manifest and the contents of a multipart body. */
function readParts(answer: Response, text: string): unknown[] {
  const boundary = /boundary="([^"]+)"/.exec(answer.headers.get('Content-Type') ?? '')?.[1]
  const parts = text.split(`\r\n--${boundary}`).slice(1, -1)
  const contents = parts.map((part) => part.slice(part.indexOf('\r\n\r\n') + 4))
  return contents.map((content, i) => (i === 0 ? JSON.parse(content) : content))
}

/** A copy of the document in which objects have no additional properties. */
function close(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(close)
  if (typeof value !== 'object' || value === null) return value
  const closed = Object.fromEntries(Object.entries(value).map(([key, member]) => [key, close(member)]))
  const isOpen = closed['type'] === 'object' && 'properties' in closed && !('additionalProperties' in closed)
  return isOpen ? { ...closed, additionalProperties: false } : closed
}
