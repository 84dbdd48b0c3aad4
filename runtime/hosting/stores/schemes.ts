import { manifest } from './manifest.ts'
import { module } from './module.ts'
import { rclone } from './rclone.ts'
import { s3 } from './s3.ts'
import type { Scheme } from './scheme.ts'
import { staticWeb } from './static-web.ts'

/** Every kind of store that an address can name, beside directories and replica servers. */
export const SCHEMES: readonly Scheme[] = [s3, staticWeb, rclone, manifest, module]

/** The scheme of an address; undefined when it has none of these. */
export function findScheme(address: string): Scheme | undefined {
  const [, name = ''] = /^([a-z][a-z0-9+.-]+):/i.exec(address) ?? []
  return SCHEMES.find(({ names }) => names.includes(name.toLowerCase()))
}
