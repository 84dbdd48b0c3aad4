import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute } from './execute.ts'
import { findFreePort, type Processes } from './processes.ts'
import type { Pair } from './tree-files.ts'

/** What a user has today for comparing two trees: a command for `bash -c`. */
export interface Peer {
  readonly name: string
  readonly command: string
}

/**
 * The peers that are installed: rclone on two directories, and where `b` is served, by `rclone serve sftp`, which keeps
 * no hashes, and by an rsync daemon; and openssl hashing both trees side by side. Their servers end with `processes`.
 */
export async function startPeers({ a, b }: Pair, scratch: string, processes: Processes): Promise<Peer[]> {
  const [hasRclone, hasRsync] = await Promise.all(['rclone', 'rsync'].map(isInstalled))
  const hash = (tree: string) => `(cd ${tree}; find . -type f -print0 | xargs -0 openssl dgst -sha256 -r)`
  return [
    ...(hasRclone
      ? [
          { name: 'rclone check', command: `rclone check ${a} ${b} -q` },
          { name: 'rclone check, sftp', command: await startSftp(a, b, processes) },
        ]
      : []),
    ...(hasRsync
      ? [{ name: 'rsync -rnc, rsyncd', command: await startRsyncd(a, b, scratch, processes) }]
      : []),
    { name: 'openssl, both at once', command: `${hash(a)} > /dev/null & ${hash(b)} > /dev/null; wait` },
  ]
}

async function startSftp(a: string, b: string, processes: Processes): Promise<string> {
  const port = await findFreePort()
  const serve = ['serve', 'sftp', b, '--addr', `127.0.0.1:${port}`, '--user', 'u', '--pass', 'p']
  // Hashes that it keeps for five minutes would spare it reading `b` again.
  await processes.start('rclone serve sftp', 'rclone', [...serve, '--dir-cache-time', '1s', '-q'], { port })
  const password = (await execute('rclone', ['obscure', 'p'])).trim()
  const remote = `:sftp: --sftp-host 127.0.0.1 --sftp-port ${port} --sftp-user u --sftp-pass ${password}`
  return `rclone check ${a} ${remote} -q`
}

async function startRsyncd(a: string, b: string, scratch: string, processes: Processes): Promise<string> {
  const port = await findFreePort()
  const config = join(scratch, 'rsyncd.conf')
  const root = process.getuid?.() === 0 ? 'uid = root\ngid = root\n' : ''
  const module = `[b]\npath = ${b}\nread only = yes\n`
  writeFileSync(config, `use chroot = no\naddress = 127.0.0.1\nport = ${port}\n${root}${module}`)
  await processes.start('rsyncd', 'rsync', ['--daemon', '--no-detach', `--config=${config}`], { port })
  return `rsync -rnc --delete -i rsync://127.0.0.1:${port}/b/ ${a}/`
}

async function isInstalled(program: string): Promise<boolean> {
  return await execute('bash', ['-c', `command -v ${program}`]).then(
    () => true,
    () => false,
  )
}
