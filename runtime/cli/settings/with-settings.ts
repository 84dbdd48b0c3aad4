import type { Flags } from '../../hosting/flag.ts'
import { SOURCE_FLAGS } from '../../hosting/flags.ts'
import type { Io } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import type { Arguments } from '../options/command.ts'
import { type Declaration, mergeFlags } from '../options/declaration.ts'
import type { Cluster, Settings } from './settings.ts'
import { readSettingsFile } from './settings-file.ts'
import { toDefaultPath } from './settings-path.ts'

/**
 * Flags of which a cluster gives none when one is given otherwise: together they would mean something else.
 */
const TOGETHER = [
  ['coordinator', 'replica'],
  ['clientCert', 'clientKey'],
  ['tlsCert', 'tlsKey'],
] as const

/**
 * The arguments, and for what neither the line nor the environment gives, the settings of the cluster that
 * `--cluster` names, or of the only one, unless replicas or a coordinator are given. Rejects with a UserError
 * when the cluster is not clear, or when its file cannot be used.
 */
export async function withSettings(
  declaration: Declaration,
  given: Arguments,
  io: Pick<Io, 'cwd'>,
): Promise<Arguments> {
  const flags: Flags = mergeFlags(declaration)
  if (flags['cluster'] === undefined) return given
  const { texts } = given
  const name = SOURCE_FLAGS.cluster.read(texts['cluster'] ?? [], '--cluster', {})
  const isAddressed = ['replica', 'coordinator', 'key'].some((flag) => texts[flag] !== undefined)
  const isFileWanted = name !== undefined || texts['config'] !== undefined
  if (isAddressed && isFileWanted && name === undefined)
    throw new UserError(
      '--config is not read beside --replica, --coordinator or --key; add --cluster to take the rest from a cluster',
    )
  // Any flag that says whom to ask wins over the variable that does.
  const own = isAddressed || isFileWanted ? withoutCoordinator(given) : given
  const isClient = flags['coordinator'] !== undefined
  const isNamed = isAddressed || (isClient && Boolean(own.env['VOUCH_COORDINATOR']))
  const cluster = name === undefined && isNamed ? null : await findCluster(own, name, io.cwd)
  return cluster === null ? own : fill(own, cluster, flags)
}

function withoutCoordinator(given: Arguments): Arguments {
  return { ...given, env: { ...given.env, VOUCH_COORDINATOR: undefined } }
}

/**
 * The cluster of this name, or without a name the only one; null without a name where no file has a cluster.
 */
async function findCluster(given: Arguments, name: string | undefined, cwd: string): Promise<Cluster | null> {
  const file = readSettingsFile(given, cwd)
  if (file === null && name === undefined) return null
  if (file === null) {
    const path = toDefaultPath(given.env)
    const missing = path === null ? 'no settings file is named' : `there is no ${path}`
    throw new UserError(
      `--cluster ${name} needs a settings file, and ${missing}; --config or VOUCH_CONFIG names one`,
    )
  }
  const { parseSettings } = await import('./settings.ts')
  return choose(await parseSettings(file), name)
}

function choose({ path, clusters }: Settings, name: string | undefined): Cluster | null {
  const names = clusters.map((cluster) => cluster.name).join(', ')
  if (name !== undefined) {
    const found = clusters.find((cluster) => cluster.name === name)
    if (found !== undefined) return found
    throw new UserError(
      `${path} has no cluster '${name}'; ${names === '' ? 'it has none' : `there is: ${names}`}`,
    )
  }
  if (clusters.length > 1)
    throw new UserError(`${path} has ${clusters.length} clusters; choose one with --cluster: ${names}`)
  return clusters[0] ?? null
}

type Texts = Readonly<Record<string, readonly string[] | undefined>>

/** The arguments with what the cluster says and nothing else gives. */
function fill(given: Arguments, { path, name, ...cluster }: Cluster, flags: Flags): Arguments {
  const { texts, env } = given
  const isClient = flags['coordinator'] !== undefined
  const taken = isClient ? toClientTexts(cluster.texts, texts) : cluster.texts
  if (!isClient && (texts['replica'] ?? taken['replica']) === undefined)
    throw new UserError(
      `${path}: [cluster.${name}] names no replicas to compare; name them in [cluster.${name}.replicas], or with --replica`,
    )
  const isGiven = (flag: string) => texts[flag] !== undefined || Boolean(env[flags[flag]?.variable ?? ''])
  const more = Object.entries(taken).flatMap(([flag, said]) =>
    said === undefined || flags[flag] === undefined || withTwins(flag).some(isGiven)
      ? []
      : [[flag, said] as const],
  )
  return { ...given, texts: { ...Object.fromEntries(more), ...texts }, excluded: cluster.excluded }
}

/**
 * What a client takes: it asks the coordinator, if one is named, with its token, else the replicas with
 * theirs. A coordinator sends outcomes itself.
 */
function toClientTexts(
  { replica, coordinator, tokenFile, replicaTokenFile, notify, notifySecretFile, ...rest }: Texts,
  given: Texts,
): Texts {
  const named = given['replica'] ? undefined : (given['coordinator'] ?? coordinator)
  return named === undefined
    ? { ...rest, replica, tokenFile: replicaTokenFile, notify, notifySecretFile }
    : { ...rest, coordinator, tokenFile }
}

function withTwins(flag: string): readonly string[] {
  return TOGETHER.find((names) => names.some((name) => name === flag)) ?? [flag]
}
