import { toJsonSchemaDefs } from '@valibot/to-json-schema'
import type * as v from 'valibot'
import { HEADERS } from './openapi-headers.ts'
import { PROBLEM_RESPONSES, problemSchemas } from './openapi-problems.ts'
import type { Document, Operation, PathItem, Reply, Schema } from './openapi-types.ts'

/** That of the package; a test holds the two together, since nothing here can read a file. */
const VERSION = '0.1.0'

export interface DocumentParts {
  readonly title: string
  readonly description: string
  /** What handlers answer with and take, by the name under which `toRef` finds it. */
  readonly schemas: Readonly<Record<string, v.GenericSchema>>
  readonly paths: Readonly<Record<string, PathItem>>
}

/** The OpenAPI document of one server: its paths, and beside them what every path shares. */
export function createDocument({ title, description, schemas, paths }: DocumentParts): Document {
  return {
    openapi: '3.1.1',
    info: { title, version: VERSION, description, license: { name: 'MIT', identifier: 'MIT' } },
    security: [{}, { token: [] }, { certificate: [] }],
    paths,
    components: {
      schemas: toSchemas({ ...schemas, ...problemSchemas }),
      headers: HEADERS,
      responses: PROBLEM_RESPONSES,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'A token of the file that the server reads.' },
        certificate: { type: 'mutualTLS', description: "A certificate of the server's client authority." },
      },
    },
  }
}

/** Schemas as components that refer to each other by name. Throws on one that JSON Schema cannot say. */
function toSchemas(schemas: Readonly<Record<string, v.GenericSchema>>): Record<string, Schema> {
  return toJsonSchemaDefs(
    { ...schemas },
    {
      target: 'draft-2020-12',
      // What only code can check, such as that a date is one, is left out.
      ignoreActions: ['check'],
      overrideRef: ({ referenceId }) => toRef(referenceId).$ref,
      // Names that are one of a list are no plain strings, which the library gives up on before it has said so.
      overrideSchema: ({ valibotSchema, jsonSchema }) =>
        valibotSchema.type === 'record' ? jsonSchema : undefined,
    },
  ) as Record<string, Schema> // a JSON Schema is what the library's own type describes in full
}

/** One schema that stands for itself, without those of the components. */
export function toSchema(schema: v.GenericSchema): Schema {
  return toSchemas({ schema })['schema'] ?? {}
}

/** Points at a schema of the document. */
export function toRef<Name extends string>(name: Name): { readonly $ref: `#/components/schemas/${Name}` } {
  return { $ref: `#/components/schemas/${name}` }
}

/**
 * A resource that is read: GET as told, and HEAD, which says the same and sends no body (RFC 9110 §9.3.2), but that it
 * knows no ranges (§14.2).
 */
export function toReadable(get: Operation): PathItem {
  const { operationId, parameters = [], responses } = get
  const answers = Object.entries(responses).filter(([status]) => status !== '206' && status !== '416')
  const head: Operation = {
    ...get,
    operationId: `head${operationId.charAt(0).toUpperCase()}${operationId.slice(1)}`,
    parameters: parameters.filter(({ name }) => name !== 'Range' && name !== 'If-Range'),
    responses: Object.fromEntries(answers.map(([status, answer]) => [status, toBodiless(answer)])),
  }
  return { get, head }
}

/** A problem that is told alike everywhere is left as it is: that it comes without its body, HTTP itself says. */
function toBodiless(answer: Reply): Reply {
  if ('$ref' in answer) return answer
  const { description, headers } = answer
  return { description, ...(headers && { headers }) }
}
