import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Declaration, readEntry, withTypes } from './declarations.ts'
import { ROOT } from './installed.ts'

/** Where the reference lies. */
export const API_PATH = join(ROOT, 'docs/api.md')

const HEAD = `# API

What the package exports, from the doc comments of its sources: \`npm run api\` writes this page, and a test says when it
is to be written again. [examples/](../examples) has a program for each part.
`

/** The reference as the sources have it now, in Markdown. */
export function createApi(): string {
  const { name, exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const entries = Object.entries<{ types?: string }>(exports).flatMap(([entry, { types }]) =>
    types === undefined ? [] : [{ title: join(name, entry), types }],
  )
  return withTypes((directory) => {
    const parts = entries.map(({ title, types }) =>
      toPart(title, readEntry(join(directory, types.replace(/^\.\/dist\//, '')))),
    )
    return [HEAD, ...parts].join('\n')
  })
}

function toPart(title: string, declarations: readonly Declaration[]): string {
  // Functions come before their parameter types.
  const isValue = ({ type }: Declaration) => /^(function|class|const)/.test(type)
  const sorted = [...declarations.filter(isValue), ...declarations.filter((each) => !isValue(each))]
  return [`## ${title}\n`, ...sorted.map(toSection)].join('\n')
}

function toSection({ name, words, type }: Declaration): string {
  const said = words === '' ? '' : `${words}\n\n`
  return `### ${name}\n\n${said}\`\`\`ts\n${type}\n\`\`\`\n`
}

if (import.meta.main) writeFileSync(API_PATH, createApi())
