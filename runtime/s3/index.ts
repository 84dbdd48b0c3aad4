// The entry 'vouch/s3': S3, on any host. docs/api.md is generated from this file.

export type { Credentials, S3ClientOptions } from './client.ts'
export { createS3Objects, type S3Options } from './objects.ts'
export { parseS3Word, type S3Place, type S3Word, type Style, toPlace } from './place.ts'
