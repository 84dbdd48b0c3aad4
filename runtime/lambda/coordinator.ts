import { createHandler } from './handler.ts'

const { stdin, stdout, stderr, env } = process

/** What AWS Lambda calls. A wrong environment ends the function when it starts, with what is wrong in its log. */
export const handler = await createHandler({ stdin, stdout, stderr, env })
