import type { RcloneFs } from './rclone-server.ts'

/** A directory of a remote that is configured in rclone. */
export interface RcloneWord {
  readonly remote: string
  /** '' for all of the remote; without a slash at its end, unless it is one. */
  readonly path: string
}

export const RCLONE_RULE =
  "rclone:REMOTE:PATH, REMOTE the name of one in rclone's configuration, PATH without '..' and ']'"

/** Parses `rclone:REMOTE:PATH`; null when it is not valid. Remotes are never described in an address. */
export function parseRcloneWord(text: string): RcloneWord | null {
  const [, remote, path] = /^rclone:([\w.+@](?:[\w.+@ -]*[\w.+@-])?):([^\]\0-\x1f]*)$/iu.exec(text) ?? []
  if (remote === undefined || path === undefined || path.split('/').includes('..')) return null
  return { remote, path: path.replace(/(?<=.)\/+$/, '') }
}

/** As it is written, without the scheme. */
export function formatRcloneWord({ remote, path }: RcloneWord): RcloneFs {
  return `${remote}:${path}`
}
