import { readdirSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Completions } from '../../hosting/flag.ts'
import type { Io } from '../../hosting/io.ts'
import { type Declaration, toFlagsWithHelp } from '../options/declaration.ts'
import { DECLARATIONS } from '../options/declarations.ts'
import { readSettingsFile } from '../settings/settings-file.ts'

/** A replacement of the word under the cursor. */
interface Offer {
  readonly word: string
  readonly about?: string
}

type Where = Pick<Io, 'cwd' | 'env'>

/**
 * Completes a command line: prints a line for each offer, its word, a tab, and its meaning. The arguments are
 * the shell and the words behind `vouch`, of which the last is under the cursor. For bash, which splits words
 * elsewhere, they are the line up to the cursor and the characters that bash splits at.
 */
export async function complete([shell = '', ...args]: readonly string[], where: Where): Promise<string> {
  const { words, quote, cut } =
    shell === 'bash' ? readBashLine(args) : { words: args, quote: unquoted, cut: 0 }
  const current = words.at(-1) ?? ''
  const offers = await findOffers(words, where)
  return offers
    .filter(({ word }) => word.startsWith(current))
    .map(({ word, about = '' }) => `${quote(word).slice(cut)}\t${about}\n`)
    .join('')
}

/** The words behind `vouch` without quoting, how bash quotes an offer, and how much of it bash has. */
function readBashLine([line = '', breaks = '']: readonly string[]) {
  const [, ...raw] = line.match(/(?:\\.|"(?:\\.|[^"\\])*"?|'[^']*'?|[^\s\\"'])+|\s+$/gs) ?? []
  const words = raw.map((word) => word.replace(/^\s+$|\\(.)|["']/gs, '$1'))
  const last = raw.at(-1) ?? ''
  // Within quotes an offer needs no quoting.
  const quote = /["']/.test(last) ? unquoted : (word: string) => word.replace(/[^\w@%+=:,./~-]/g, '\\$&')
  const cut = Math.max(...['=', ':'].map((c) => (breaks.includes(c) ? last.lastIndexOf(c) : -1))) + 1
  return { words, quote, cut }
}

const unquoted = (word: string) => word

async function findOffers([name = '', ...args]: readonly string[], where: Where): Promise<Offer[]> {
  const current = args.pop()
  if (current === undefined) {
    const commands = DECLARATIONS.map(({ name, about }) => ({ word: name, about }))
    return [...commands, { word: '--help' }, { word: '--version' }]
  }
  const declaration = DECLARATIONS.find((declaration) => declaration.name === name)
  return declaration === undefined ? [] : await findArguments(declaration, args, current, where)
}

async function findArguments(
  declaration: Declaration,
  before: readonly string[],
  current: string,
  where: Where,
): Promise<Offer[]> {
  const flags = Object.entries(toFlagsWithHelp(declaration))
  const offer = async (completions: Completions | undefined, head: string, value: string) => {
    const clusters = completions?.clusters ? await listClusters(before, where) : []
    const words = findValues(completions ?? {}, { before, head, value, ...where })
    return [...words, ...clusters.map((cluster) => head + cluster)].map((word) => ({ word }))
  }
  const [, spelling = '', value = ''] = /^(--[^=]+)=(.*)$/s.exec(current) ?? ['', before.at(-1), current]
  const [, flag] =
    flags.find(([name, { short }]) => spelling === `--${name}` || spelling === `-${short}`) ?? []
  if (flag?.value !== undefined && (flag.bare === undefined || current.includes('=')))
    return await offer(flag.completions, current.slice(0, current.length - value.length), value)
  if (current.startsWith('-')) return flags.map(([name, { about }]) => ({ word: `--${name}`, about }))
  return await offer(declaration.operand?.completions, '', current)
}

interface Place extends Where {
  readonly before: readonly string[]
  /** The part of the word before the value. */
  readonly head: string
  readonly value: string
}

function findValues({ behindEquals, ...completions }: Completions, place: Place): string[] {
  const { words = [], ids, paths } = completions
  const { head, value } = place
  if (behindEquals) {
    const [whole, key = '', rest = ''] = /^([^=]*=)(.*)$/s.exec(value) ?? []
    if (whole === undefined) return []
    return findValues(completions, { ...place, head: head + key, value: rest })
  }
  const found = ids === undefined ? [] : findIds(place.before).map((id) => ids + id)
  return [...words, ...found, ...(paths === undefined ? [] : listPaths(paths, place))].map(
    (word) => head + word,
  )
}

/** The ids of the replicas that the line has named. */
function findIds(words: readonly string[]): string[] {
  return words.flatMap((word, i) => {
    const [, inline, id] = /^(--replica=)?([^=]+)=/.exec(word) ?? []
    return id !== undefined && (inline !== undefined || words[i - 1] === '--replica') ? id : []
  })
}

/** The clusters of the settings file that the line names, or of the default one. */
async function listClusters(words: readonly string[], { cwd, env }: Where): Promise<string[]> {
  const config = words.flatMap((word, i) => {
    const [, inline] = /^--config=(.+)$/s.exec(word) ?? []
    return inline ?? (words[i - 1] === '--config' ? word : [])
  })
  try {
    const file = readSettingsFile({ texts: config.length === 0 ? {} : { config }, env }, cwd)
    if (file === null) return []
    const { parseSettings } = await import('../settings/settings.ts')
    return (await parseSettings(file)).clusters.map(({ name }) => name)
  } catch {
    // A file that cannot be used offers nothing.
    return []
  }
}

/** The entries of the directory part of `value`; directories end with a slash. */
function listPaths(paths: 'files' | 'directories', { value, cwd, env }: Place): string[] {
  const directory = value.slice(0, value.lastIndexOf('/') + 1)
  const path = resolve(cwd, directory.replace(/^~(?=\/)/, env['HOME'] ?? '~') || '.')
  try {
    return readdirSync(path).flatMap((name) => {
      // A control character would act on the terminal, or end the line.
      if (/\p{Cc}/u.test(name)) return []
      if (name.startsWith('.') && !value.slice(directory.length).startsWith('.')) return []
      const isDirectory = statSync(resolve(path, name), { throwIfNoEntry: false })?.isDirectory() ?? false
      return isDirectory ? `${directory}${name}/` : paths === 'files' ? directory + name : []
    })
  } catch {
    // A directory that cannot be read offers nothing.
    return []
  }
}
