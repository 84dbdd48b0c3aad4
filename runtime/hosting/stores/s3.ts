import { UserError } from '../../node/user-error.ts'
import { parseS3Word, S3_RULE, type S3Word } from '../../s3/place.ts'
import type { Scheme } from './scheme.ts'

/** A bucket of S3. */
export const s3: Scheme = {
  names: ['s3'],
  form: 's3://BUCKET/PREFIX',
  rule: S3_RULE,
  begins: 's3://',
  isValid: (address) => parseS3Word(address) !== null,
  format(address) {
    const { bucket, root } = requireWord(address)
    return `s3://${bucket}/${root}`
  },
  async open(address, host) {
    const { openS3Storage } = await import('../../node/objects/open-stores.ts')
    return openS3Storage(requireWord(address), host)
  },
}

function requireWord(address: string): S3Word {
  const word = parseS3Word(address)
  // The message leaves out the address, which may hold a key.
  if (word === null) throw new UserError(`an address of S3 is ${S3_RULE}`)
  return word
}
