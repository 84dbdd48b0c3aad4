import { toJsonSchemaDefs } from '@valibot/to-json-schema'
import type * as v from 'valibot'
import { HEADERS } from './headers.ts'
import { PROBLEM_RESPONSES, problemSchemas } from './problem-responses.ts'
import type { Document, Operation, PathItem, Reply, Schema } from './types.ts'

/** The package's version; a test compares the two, since portable code cannot read package.json. */
const VERSION = '0.1.0'

const CLOSED = `Every problem has a \`type\` from a closed table; the components have a response for each. A path that is not listed here is
answered with \`no-such-resource\`, a method that is not listed for its path with \`method-not-allowed\`.`

interface DocumentParts {
  readonly title: string
  readonly description: string
  /** The schemas of bodies, by the name that `toRef` takes. */
  readonly schemas: Readonly<Record<string, v.GenericSchema>>
  /** The operations by path; HEAD follows from GET. */
  readonly operations: Readonly<Record<string, PathItem>>
}

/** The OpenAPI document of one server: its paths, and the components that they share. */
export function createDocument({ title, description, schemas, operations }: DocumentParts): Document {
  return {
    openapi: '3.1.1',
    info: {
      ...{ title, version: VERSION, license: { name: 'MIT', identifier: 'MIT' } },
      description: `${description}\n\n${CLOSED}`,
    },
    security: [{}, { token: [] }, { certificate: [] }],
    paths: Object.fromEntries(Object.entries(operations).map(([path, item]) => [path, withHead(item)])),
    components: {
      schemas: toSchemas({ ...schemas, ...problemSchemas }),
      headers: HEADERS,
      responses: PROBLEM_RESPONSES,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: "A token from the server's token file." },
        certificate: {
          type: 'mutualTLS',
          description: "A certificate signed by the server's client authority.",
        },
      },
    },
  }
}

/** Schemas as components that refer to each other by name. Throws on one that JSON Schema cannot express. */
function toSchemas(schemas: Readonly<Record<string, v.GenericSchema>>): Record<string, Schema> {
  return toJsonSchemaDefs(
    { ...schemas },
    {
      target: 'draft-2020-12',
      // Checks that only code can make, such as of a valid date, are left out.
      ignoreActions: ['check'],
      overrideRef: ({ referenceId }) => toRef(referenceId).$ref,
      // The library rejects records whose keys are picked from a list, but converts them correctly.
      overrideSchema: ({ valibotSchema, jsonSchema }) =>
        valibotSchema.type === 'record' ? jsonSchema : undefined,
    },
  ) as Record<string, Schema> // a JSON Schema is what the library's own type describes in full
}

/** One schema by itself, without components. */
export function toSchema(schema: v.GenericSchema): Schema {
  return toSchemas({ schema })['schema'] ?? {}
}

/** Points at a schema of the document. */
export function toRef<Name extends string>(name: Name): { readonly $ref: `#/components/schemas/${Name}` } {
  return { $ref: `#/components/schemas/${name}` }
}

/** Adds HEAD, which answers as GET without a body (RFC 9110 §9.3.2) and without ranges (§14.2). */
function withHead({ get, ...others }: PathItem): PathItem {
  return get === undefined ? others : { get, head: toHead(get), ...others }
}

function toHead(get: Operation): Operation {
  const { operationId, parameters = [], responses } = get
  const answers = Object.entries(responses).filter(([status]) => status !== '206' && status !== '416')
  return {
    ...get,
    operationId: `head${operationId.charAt(0).toUpperCase()}${operationId.slice(1)}`,
    parameters: parameters.filter(({ name }) => name !== 'Range' && name !== 'If-Range'),
    responses: Object.fromEntries(answers.map(([status, answer]) => [status, toBodiless(answer)])),
  }
}

/** A shared response is kept: by HTTP itself it has no body. */
function toBodiless(answer: Reply): Reply {
  if ('$ref' in answer) return answer
  const { description, headers } = answer
  return { description, ...(headers && { headers }) }
}
