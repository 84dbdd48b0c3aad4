import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
// TypeScript 7 has no JavaScript API; 6 is the last that has one.
import ts from '@typescript/typescript6'

// Prints the figures of the code's structure: `node tests/house/figures.ts [CHECKOUT]`. Tests and their
// suites are left out, but for files a folder.

const MAX_FILES = 15
const MAX_FUNCTION_LINES = 100

const root = resolve(process.argv[2] ?? '.')
const tracked = execFileSync('git', ['ls-files', '*.ts'], { cwd: root, encoding: 'utf8' }).trim().split('\n')
const sources = tracked.filter(
  (path) => /^(functions|runtime|emulator)\//.test(path) && !/\.(test|suite)\.ts$/.test(path),
)
const parsed = new Map(sources.map((path) => [path, parse(path)]))

print('lines of functions/ and runtime/', countLines(/^(functions|runtime)\//))
print('lines of functions/', countLines(/^functions\//))
print('lines of runtime/', countLines(/^runtime\//))
print(
  'source files of functions/ and runtime/',
  sources.filter((path) => !path.startsWith('emulator/')).length,
)
print(`folders of more than ${MAX_FILES} source files`, listFullFolders())
print(
  'import circles',
  findCircles().map((circle) => circle.join(', ')),
)
print(`functions of more than ${MAX_FUNCTION_LINES} lines`, listLongFunctions())

function print(title: string, figure: number | readonly string[]): void {
  if (typeof figure === 'number') console.log(`${title}: ${figure}`)
  else console.log([`${title}: ${figure.length}`, ...figure].join('\n  '))
}

function parse(path: string): ts.SourceFile {
  return ts.createSourceFile(path, readFileSync(join(root, path), 'utf8'), ts.ScriptTarget.Latest, true)
}

function countLines(within: RegExp): number {
  const texts = [...parsed].filter(([path]) => within.test(path)).map(([, file]) => file.text)
  return texts.reduce((sum, text) => sum + text.split('\n').length - 1, 0)
}

function listFullFolders(): string[] {
  const folders = Map.groupBy(sources, dirname)
  return [...folders]
    .filter(([, files]) => files.length > MAX_FILES)
    .map(([folder, files]) => `${folder}: ${files.length}`)
}

/**
 * The files of each strongly connected component of more than one file, by Tarjan; types count as imports.
 */
function findCircles(): string[][] {
  const circles: string[][] = []
  const numbers = new Map<string, number>()
  const stack: string[] = []
  const visit = (path: string): number => {
    const number = numbers.size
    numbers.set(path, number)
    stack.push(path)
    let lowest = number
    for (const to of listImports(path)) {
      if (!numbers.has(to)) lowest = Math.min(lowest, visit(to))
      else if (stack.includes(to)) lowest = Math.min(lowest, numbers.get(to) ?? number)
    }
    if (lowest === number) {
      const circle = stack.splice(stack.indexOf(path))
      if (circle.length > 1) circles.push(circle.sort())
    }
    return lowest
  }
  for (const path of sources) if (!numbers.has(path)) visit(path)
  return circles
}

function listImports(path: string): string[] {
  const found: string[] = []
  const text = parsed.get(path)?.text ?? ''
  for (const { fileName } of ts.preProcessFile(text, true, true).importedFiles) {
    if (fileName.startsWith('.')) found.push(join(dirname(path), fileName))
  }
  return found.filter((to) => parsed.has(to))
}

function listLongFunctions(): string[] {
  const found: string[] = []
  for (const [path, file] of parsed) {
    const visit = (node: ts.Node): void => {
      if (ts.isFunctionLike(node) && 'body' in node && node.body) {
        const lines = lineOf(file, node.getEnd()) - lineOf(file, node.getStart()) + 1
        if (lines > MAX_FUNCTION_LINES)
          found.push(`${path}: ${node.name?.getText() ?? 'a closure'}, ${lines}`)
      }
      ts.forEachChild(node, visit)
    }
    visit(file)
  }
  return found
}

function lineOf(file: ts.SourceFile, position: number): number {
  return file.getLineAndCharacterOfPosition(position).line
}
