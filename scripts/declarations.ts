import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ROOT } from './installed.ts'

/** The declaration of one exported name. */
export interface Declaration {
  readonly name: string
  /** The words of its doc comment, in paragraphs; empty where it has none. */
  readonly words: string
  /** Its type, as TypeScript prints it. */
  readonly type: string
}

/** What `export … from` names, and where that is declared. */
interface Export {
  readonly name: string
  /** In the file that declares it. */
  readonly source: string
  readonly path: string
}

/** The directory of types that the compiler makes of the sources, for as long as `use` takes. */
export function withTypes<T>(use: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'vouch-types-'))
  try {
    const args = ['-p', join(ROOT, 'tsconfig.build.json'), '--emitDeclarationOnly', '--outDir', directory]
    execFileSync(join(ROOT, 'node_modules/.bin/tsc'), args, { stdio: 'inherit' })
    return use(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/**
 * Everything that the entry at `path` exports, in the order in which it does. Throws when it cannot be found.
 */
export function readEntry(path: string): Declaration[] {
  return readExports(path).map(({ name, source, path }) => {
    const found = readDeclarations(path).find((declaration) => declaration.name === source)
    if (found === undefined) throw new Error(`${path} declares no ${source}`)
    // A default export has no name of its own.
    return { ...found, name, type: found.type.replace(/^const _default/, `const ${name}`) }
  })
}

function readExports(path: string): Export[] {
  const lists = readFileSync(path, 'utf8').matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)';$/gm)
  return [...lists].flatMap(([, names = '', from = '']) => {
    const declaring = join(dirname(path), from.replace(/\.ts$/, '.d.ts'))
    return names.split(',').flatMap((text) => (text.trim() === '' ? [] : toExport(text, declaring)))
  })
}

function toExport(text: string, path: string): Export {
  const [source = '', name = source] = text
    .trim()
    .replace(/^type /, '')
    .split(' as ')
  return { name, source, path }
}

/** A doc comment, if there is one, and what follows it up to the next thing at the left edge. */
const STATEMENT = /(?:^\/\*\*(?<doc>(?:(?!\*\/).)*)\*\/\n)?^(?<text>(?:export|declare) (?:(?!\n[a-z/]).)*)/gms

function readDeclarations(path: string): Declaration[] {
  return [...readFileSync(path, 'utf8').matchAll(STATEMENT)].flatMap(({ groups }) => {
    const { doc = '', text = '' } = groups ?? {}
    const [, kind, word = ''] =
      /^(?:export )?(?:declare )?(?:abstract )?(const|function|class|interface|type) (\w+)/.exec(text) ?? []
    if (kind === undefined) return []
    const name = word === '_default' ? 'default' : word
    return [{ name, words: toWords(doc), type: toType(text) }]
  })
}

/** A doc comment without its stars. */
function toWords(doc: string): string {
  const lines = doc.split('\n').map((line) => line.replace(/^ ?\* ?/, '').trimEnd())
  return lines.join('\n').trim()
}

/**
 * A declaration as this house writes it: no word that only such a file needs, no path, two blanks a level, no
 * semicolon.
 */
function toType(text: string): string {
  const plain = text
    .trim()
    .replace(/^(export )?(declare )?/, '')
    .replaceAll(/import\("[^"]+"\)\./g, '')
  return plain
    .replaceAll(/^ +/gm, (indent) => ' '.repeat(Math.ceil(indent.length / 2)))
    .replaceAll(/;$/gm, '')
}
