/** As much of OpenAPI 3.1 as the documents use. */

/** A JSON Schema (2020-12). */
export type Schema = Readonly<Record<string, unknown>>

export interface Ref {
  readonly $ref: string
}

export interface Header {
  readonly description: string
  /** Whether every answer of that status carries it. */
  readonly required: boolean
  readonly schema: Schema
}

export type Headers = Readonly<Record<string, Header | Ref>>

export interface Content {
  readonly schema?: Schema
}

export interface ReplyObject {
  readonly description: string
  readonly headers?: Headers
  /** By media type; absent when there is no body. */
  readonly content?: Readonly<Record<string, Content>>
}

/** What an operation answers with one status. */
export type Reply = ReplyObject | Ref

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly description: string
  readonly required?: boolean
  readonly schema: Schema
}

export interface Operation {
  /** Unique in the document: what generators name a function after. */
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: {
    readonly required: true
    readonly description?: string
    readonly content: Readonly<Record<string, Content>>
  }
  /** By status. */
  readonly responses: Readonly<Record<string, Reply>>
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[]
}

export type Method = 'get' | 'head' | 'post' | 'put'

export type PathItem = { readonly [M in Method]?: Operation }

export interface Document {
  readonly openapi: '3.1.1'
  readonly info: Readonly<Record<string, unknown>>
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly paths: Readonly<Record<string, PathItem>>
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>
    readonly headers: Readonly<Record<string, Header>>
    readonly responses: Readonly<Record<string, ReplyObject>>
    readonly securitySchemes: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  }
}
