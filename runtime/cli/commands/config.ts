import { escapeControls } from '../../../functions/wire/text.ts'
import { openKeys, openServerKeys, openTokens } from '../../hosting/access.ts'
import { type Io, writeOut } from '../../hosting/io.ts'
import { readPublicKeys } from '../../hosting/keys.ts'
import { openNotifier } from '../../hosting/notify.ts'
import { UserError } from '../../node/user-error.ts'
import type { Command } from '../options/command.ts'
import { type Cluster, parseSettings, type Settings, toKey } from '../settings/settings.ts'
import { readSettingsFile } from '../settings/settings-file.ts'
import { toDefaultPath } from '../settings/settings-path.ts'

export const config: Command = {
  async run(given, io) {
    if (given.operand !== 'check')
      throw new UserError(
        `config takes check, got ${given.operand === undefined ? 'none' : `'${given.operand}'`}`,
      )
    const file = readSettingsFile(given, io.cwd)
    if (file === null) throw new UserError(toAbsence(toDefaultPath(io.env)))
    const settings = await parseSettings(file)
    await writeOut(io, toText(settings))
    for (const cluster of settings.clusters) await openFiles(cluster, io)
    return 0
  },
}

function toAbsence(path: string | null): string {
  const where = path === null ? 'neither HOME nor XDG_CONFIG_HOME says where' : `${path} does not exist`
  return `there is no settings file: ${where}; --config and VOUCH_CONFIG name another`
}

function toText({ path, clusters }: Settings): string {
  const only = clusters.length === 1 ? ', which commands take without --cluster too' : ''
  const parts = clusters.flatMap((cluster) => [`cluster ${cluster.name}${only}`, ...toRows(cluster)])
  const lines = [path, ...(parts.length === 0 ? ['no cluster'] : parts)]
  return lines.map((line) => `${escapeControls(line)}\n`).join('')
}

/** A row for each key, or for each of its values. */
function toRows({ texts, excluded }: Cluster): string[] {
  const values = [...Object.entries(texts), ...(excluded.length > 0 ? [['exclude', excluded] as const] : [])]
  const width = Math.max(...values.map(([name]) => toKey(name).length))
  return values.flatMap(([name, said]) =>
    said.map((text, i) => `  ${(i === 0 ? toKey(name) : '').padEnd(width)}  ${toShown(name, text)}`),
  )
}

/** The address of a webhook without what may be secret of it. */
function toShown(name: string, text: string): string {
  return name === 'notify' ? `${new URL(text).origin}/…` : text
}

/** Rejects with a UserError for a token, a certificate or a public key that cannot be used. */
async function openFiles({ texts }: Cluster, io: Io): Promise<void> {
  for (const path of texts['key'] ?? []) await readPublicKeys(path)
  const at = (name: string) => texts[name]?.[0]
  for (const path of [at('tokenFile'), at('replicaTokenFile')])
    if (path !== undefined) openTokens({ path }, io)
  const [ca, clientCert, clientKey] = [at('ca'), at('clientCert'), at('clientKey')]
  openKeys({ ca, clientCert, clientKey }, io)
  const [tlsCert, tlsKey, tlsClientCa] = [at('tlsCert'), at('tlsKey'), at('tlsClientCa')]
  openServerKeys({ tlsCert, tlsKey, tlsClientCa }, io)
  const secret = at('notifySecretFile')
  openNotifier(
    { notify: at('notify'), notifySecretFile: secret === undefined ? undefined : { path: secret } },
    io,
  )
}
