import type { Manifest } from './schemas.ts'

/** Whether some holder of a version has its bytes; false when only lists know it. */
export function hasSource(
  version: Pick<Manifest['versions'][number], 'replicas'>,
  replicas: Manifest['replicas'],
): boolean {
  return replicas.some(({ id, evidence }) => evidence !== 'recorded' && version.replicas.includes(id))
}
