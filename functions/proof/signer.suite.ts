import { createSigner, generateKey, type Signer } from './keys.ts'

/** A signer with a new key under this name. */
export async function createTestSigner(name: string): Promise<Signer> {
  const { pkcs8, key } = await generateKey(name)
  const signer = await createSigner(pkcs8, key)
  if (signer === null) throw new Error('the halves belong together')
  return signer
}
