import * as v from 'valibot'
import { MAX_RCLONE_DEPTH } from '../limits.ts'
import { UserError } from '../user-error.ts'
import { type Environment, toRcloneEnvironment } from './rclone-process.ts'
import type { RcloneFs, RcloneServer } from './rclone-server.ts'
import { formatRcloneWord, type RcloneWord } from './rclone-word.ts'

/** A crypt remote, and what it encrypts into. */
export interface Crypt {
  /** All of it. */
  readonly fs: RcloneFs
  readonly below: RcloneFs
  /** Whether it makes a name of anything, so that names that another password made do not show. */
  readonly isObfuscated: boolean
}

/** What is known of a remote by the configuration alone. */
export interface RcloneRemote {
  /** The directory of the files; an alias is followed. */
  readonly fs: RcloneFs
  /**
   * The directories in which other remotes keep them: several for a union; `fs` itself for a plain remote.
   */
  readonly stores: readonly RcloneFs[]
  /** The crypt remotes on the way to them. */
  readonly crypts: readonly Crypt[]
  /** Set when the files are those of a crypt remote, with the path of the directory in it. */
  readonly crypt?: Crypt & { readonly path: string }
  /**
   * The directory of this machine that it is; absent for any other remote, and for a path that is relative.
   */
  readonly directory?: string
}

/** Remotes that answer from a memory of their own. */
const REMEMBERING = ['hasher', 'cache']
/** Settings of a local remote with which rclone leaves out files, or reads what links lead to elsewhere. */
const MISLEADING = ['one_file_system', 'copy_links', 'links'] as const
/** Remotes that keep their files in another one. */
const WRAPPING = ['alias', 'chunker', 'combine', 'compress', 'crypt', 'union']

const settings = v.object({
  type: v.optional(v.string()),
  remote: v.optional(v.string()),
  upstreams: v.optional(v.string()),
  filename_encryption: v.optional(v.string()),
  one_file_system: v.optional(v.string()),
  copy_links: v.optional(v.string()),
  links: v.optional(v.string()),
})

/**
 * Follows a remote through rclone's configuration to the stores that hold its files. Rejects with a UserError
 * when a remote is not configured, or its answers cannot be relied on.
 */
export async function readRemote(
  server: RcloneServer,
  env: Environment,
  word: RcloneWord,
): Promise<RcloneRemote> {
  const passed = toRcloneEnvironment(env)

  async function readSettings(name: string) {
    const found = await server.call('config/get', { name }, settings)
    if (typeof found === 'string')
      throw new UserError('rclone cannot read its configuration; `rclone config show` shows why')
    const toVariable = (...words: string[]) => `RCLONE_${words.join('_')}`.toUpperCase()
    const type = passed[toVariable('config', name, 'type')] ?? found.type
    const get = (key: keyof typeof found) =>
      passed[toVariable('config', name, key)] ?? passed[toVariable(type ?? '', key)] ?? found[key] ?? ''
    return { type, get }
  }

  async function follow(fs: RcloneFs, depth: number): Promise<RcloneRemote> {
    if (depth > MAX_RCLONE_DEPTH)
      throw new UserError('remotes of rclone wrap each other in a circle; correct them')
    const { name, path, inline } = parseFs(fs)
    if (name === '') {
      requireOpen(inline.replace(/,.*$/, ''), 'a remote that is not named')
      if (isWrapping(inline) || inline.startsWith('local,')) throw toInlineError()
      // rclone takes the settings of a mere path from a remote of this name, if there is one.
      if (fs === path) requireExact('local', (await readSettings('local')).get)
      return toPlain(fs, inline, path)
    }
    const { type, get } = await readSettings(name)
    if (!type)
      throw new UserError(`rclone has no remote '${name}'; \`rclone listremotes\` shows those that it has`)
    requireOpen(type, name)
    if (type === 'local') {
      if (inline !== '') throw toInlineError()
      requireExact(name, get)
    }
    if (!isWrapping(type)) return toPlain(fs, type, path)
    if (inline !== '') throw toInlineError()
    if (type === 'alias') return await follow(joinFs(get('remote'), path), depth + 1)
    const upstreams = toUpstreams(type, get)
    const wrapped = await Promise.all(upstreams.map((upstream) => follow(upstream, depth + 1)))
    const inner = {
      stores: wrapped.flatMap(({ stores }) => stores),
      crypts: wrapped.flatMap(({ crypts }) => crypts),
    }
    if (type !== 'crypt') return { fs, ...inner }
    const [below = ''] = upstreams
    const crypt = { fs: `${name}:`, below, isObfuscated: get('filename_encryption') === 'obfuscate' }
    return { fs, stores: inner.stores, crypts: [crypt, ...inner.crypts], crypt: { ...crypt, path } }
  }

  const remote = await follow(formatRcloneWord(word), 0)
  // rclone sends files from `/[REMOTE:PATH]/NAME`.
  if (!remote.fs.includes(']')) return remote
  throw new UserError(
    `rclone's remote '${word.remote}' leads to a path with ']', from which rclone sends no files; rename that directory`,
  )
}

function toPlain(fs: RcloneFs, type: string, path: string): RcloneRemote {
  const isOwn = type === 'local' && path.startsWith('/')
  return { fs, stores: [fs], crypts: [], ...(isOwn && { directory: path }) }
}

/** The directories that a remote wraps. */
function toUpstreams(type: string, get: (key: 'remote' | 'upstreams') => string): RcloneFs[] {
  if (type !== 'union' && type !== 'combine') return [get('remote')]
  const upstreams = splitSpaces(get('upstreams'))
  if (type === 'union') return upstreams.map((one) => one.replace(/:(ro|nc|writeback)$/, ''))
  return upstreams.map((one) => one.replace(/^[^=]*=/, ''))
}

/** rclone's lists: parts between spaces, one with spaces in double quotes, which are doubled within. */
function splitSpaces(text: string): string[] {
  return [...text.matchAll(/"((?:[^"]|"")*)"|[^ ]+/g)].map(
    ([part, quoted]) => quoted?.replaceAll('""', '"') ?? part,
  )
}

/** The parts of a remote: its name, or '' for one that is only described, as a path or by its type. */
export function parseFs(fs: RcloneFs): {
  readonly name: string
  readonly inline: string
  readonly path: string
} {
  const [, own = '', name = '', rest = '', path = ''] =
    /^(:?)([\w.+@ -]+)((?:,(?:"(?:[^"]|"")*"|'(?:[^']|'')*'|[^:"'])*)?):(.*)$/su.exec(fs) ?? []
  if (name === '') return { name: '', inline: 'local', path: fs }
  return own === ':' ? { name: '', inline: name + rest, path } : { name, inline: rest, path }
}

function isWrapping(type: string): boolean {
  return WRAPPING.includes(type.replace(/,.*$/, ''))
}

function requireOpen(type: string, name: string): void {
  if (type === 'http') {
    throw new UserError(
      `rclone's http leaves out files whose size it cannot ask for, and takes any page for a listing (${name}); name the URL itself, as static+https://… or static+http://…`,
    )
  }
  if (!REMEMBERING.includes(type)) return
  throw new UserError(
    `rclone's ${type} answers from a memory of its own, which may be out of date (${name}); name the remote that it wraps`,
  )
}

/** Of a local remote. Throws for a setting that is anything but false, as rclone reads it. */
function requireExact(name: string, get: (key: (typeof MISLEADING)[number]) => string): void {
  const wrong = MISLEADING.find((key) => !/^(0|f|false)?$/i.test(get(key)))
  if (wrong === undefined) return
  throw new UserError(
    `rclone's remote '${name}' has the setting ${wrong}, with which rclone leaves out files or follows links; remove it, or name a remote without it`,
  )
}

function toInlineError(): UserError {
  return new UserError(
    'a remote of rclone wraps one with settings beside its name, which vouch does not follow; configure that under a name of its own',
  )
}

function joinFs(fs: RcloneFs, path: string): RcloneFs {
  return path === '' || /[:/]$/.test(fs) ? fs + path : `${fs}/${path}`
}
