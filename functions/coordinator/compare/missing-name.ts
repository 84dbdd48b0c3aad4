import type { Manifest } from '../../wire/schemas/manifest.ts'

/** The replicas that hold a name, and those that lack it. */
export interface Sides {
  readonly holders: readonly string[]
  readonly lacking: readonly string[]
  /** Of `rclone check --combined`, with the first replica as its source. */
  readonly mark: '+' | '-'
}

/** A name that some replicas lack, and all others hold alike. */
export interface MissingName {
  readonly name: string
  readonly digest: string
  /** Bytes; null when unknown. */
  readonly size: number | null
  /** The same object for all names with the same sides. */
  readonly sides: Sides
  /** The outermost folder of the name in which none of those that lack it has anything; null for none. */
  readonly folder: string | null
}

/** What is needed of the manifests of missing names to find renamed files: little, since many are held. */
export function createMissingNames() {
  const all = new Map<string, Sides>()

  function toSides({ replicas }: Manifest): Sides {
    const key = replicas.map(({ state }) => state).join()
    const known = all.get(key)
    if (known !== undefined) return known
    const [holders, lacking] = [false, true].map((isLacking) =>
      replicas.flatMap(({ id, state }) => ((state === 'missing') === isLacking ? id : [])),
    )
    const mark = replicas[0]?.state === 'missing' ? '-' : '+'
    const sides: Sides = { holders: holders ?? [], lacking: lacking ?? [], mark }
    all.set(key, sides)
    return sides
  }

  return {
    /** Null when the name is not only missing. */
    parse(manifest: Manifest): MissingName | null {
      const { name, agreement, versions, replicas } = manifest
      const [version] = versions
      if (agreement !== 'incomplete' || version === undefined) return null
      if (replicas.some(({ rottedFrom }) => rottedFrom !== undefined)) return null
      const { digest, size } = version
      return { name, digest, size, sides: toSides(manifest), folder: findFolder(replicas) }
    },
  }
}

/** The innermost of the folders that the replicas lack: in it none has anything. */
function findFolder(replicas: Manifest['replicas']): string | null {
  let inner = ''
  for (const { state, missingFolder } of replicas) {
    if (state !== 'missing') continue
    if (missingFolder === undefined) return null
    if (missingFolder.length > inner.length) inner = missingFolder
  }
  return inner
}
