import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { bundleCommand } from './scripts/bundle-command.ts'

/**
 * Bundles the command once for all tests that start it as a process; below node_modules, where its packages
 * are found.
 */
export default async function setUp() {
  const directory = join(import.meta.dirname, `node_modules/.cache/vouch-${process.pid}`)
  await bundleCommand(directory)
  process.env['VOUCH_BUNDLE'] = join(directory, 'vouch.js')
  process.env['VOUCH_THREADS'] = directory
  return async () => await rm(directory, { recursive: true })
}
