import { fileURLToPath } from 'node:url'
import * as esbuild from 'esbuild'

const bundles = new Map<string, Promise<string>>()

/**
 * Returns the Worker whose entry is this file, below this folder's parent, as one ES module. Each is built
 * once a process. Rejects with what esbuild throws.
 */
export function bundle(entry: string): Promise<string> {
  const bundle = bundles.get(entry) ?? build(entry)
  bundles.set(entry, bundle)
  return bundle
}

async function build(entry: string): Promise<string> {
  const { outputFiles } = await esbuild.build({
    entryPoints: [fileURLToPath(new URL(`../${entry}`, import.meta.url))],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker'],
    external: ['cloudflare:workers'],
  })
  return outputFiles.map(({ text }) => text).join('')
}
