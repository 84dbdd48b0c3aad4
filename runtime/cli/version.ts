/** Which vouch this is: `0.1.0`. */
export async function readVersion(): Promise<string> {
  const { default: about } = await import('../../package.json', { with: { type: 'json' } })
  return about.version
}
