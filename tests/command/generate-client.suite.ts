import { registerHooks } from 'node:module'

// A process that generates a client: `node generate-client.suite.ts DOCUMENT DIRECTORY`, by the fetch client
// of @hey-api/openapi-ts. That writes TypeScript by the compiler's JavaScript API, of which TypeScript 6 was
// the last to have one; beside 7 it is published under a name of its own.
registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier === 'typescript' ? '@typescript/typescript6' : specifier, context),
})

const { createClient } = await import('@hey-api/openapi-ts')
const [input = '', output = ''] = process.argv.slice(2)
await createClient({
  input,
  output: { path: output, module: { extension: '.ts' } },
  plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
  logs: { level: 'warn', file: false },
})
