import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** The Worker whose entry is this file, below this folder's parent, as one ES module. Throws what esbuild throws. */
export async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../${entry}`, import.meta.url))],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker'],
  })
  return outputFiles.map(({ text }) => text).join('')
}
