import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSelect } from './globs.ts'

function isSelected(name: string, match: readonly string[], exclude: readonly string[] = []): boolean {
  return createSelect({ match, exclude })(name)
}

describe('a glob', () => {
  it.each<[glob: string, matches: string[], others: string[]]>([
    ['a.txt', ['a.txt', 'd/a.txt', 'd/e/a.txt'], ['a_txt', 'A.txt', 'a.txt/b', 'xa.txt', 'a.txtx']],
    ['*.txt', ['a.txt', '.txt', 'd/a.txt', 'a.b.txt'], ['a.txt/b', 'a.tx', 'txt']],
    ['*', ['a', 'd/a', '.hidden', 'd/e/f'], []],
    ['?', ['a', 'd/é', '\u{1f600}'], ['ab', 'd/ab', 'd/e\u0301']],
    ['a?c', ['abc', 'd/a c', 'a\u{1f600}c'], ['ac', 'a/c', 'abbc']],
    ['/a', ['a'], ['d/a', '/a']],
    ['/*.txt', ['a.txt'], ['d/a.txt']],
    ['d/*', ['d/a', 'd/.a'], ['d/e/a', 'd', 'x/d/a']],
    ['d/*/c', ['d/b/c'], ['d/c', 'd/a/b/c']],
    ['d/**', ['d/a', 'd/a/b', 'd'], ['da', 'x/d/a']],
    ['d/', ['d/a', 'd/a/b'], ['d', 'da', 'x/d/a']],
    ['d/e/', ['d/e/a', 'd/e/a/b'], ['d/e', 'd/a', 'x/d/e/a']],
    ['/', ['a', 'd/a'], []],
    ['**', ['a', 'd/a', 'd/e/a'], []],
    ['**/a', ['a', 'd/a', 'd/e/a'], ['a/d', 'xa']],
    ['**/d/**', ['d', 'd/a', 'x/d', 'x/y/d/a/b'], ['xd', 'dx/a']],
    ['d/**/a', ['d/a', 'd/b/a', 'd/b/c/a', 'd/a/a'], ['a', 'd/ab', 'x/d/a']],
    ['d/**/e/**/a', ['d/e/a', 'd/x/e/a', 'd/e/e/x/a'], ['d/a', 'd/x/a', 'e/a']],
    ['a**b', ['ab', 'axb', 'a**b'], ['a/b', 'ax/xb']],
    ['[ab]', ['[ab]'], ['a', 'b']],
    ['{a,b}', ['{a,b}'], ['a', 'b']],
    ['a.b+(c)$', ['a.b+(c)$'], ['aXb+(c)$', 'a.bb(c)$']],
    ['!a', ['!a'], ['a', 'b']],
    ['', [], ['a', 'd/a']],
    ['a//b', [], ['a/b', 'a/c/b']],
  ])('%j matches as it says', (glob, matches, others) => {
    const all = [...matches, ...others]
    expect(all.filter((name) => isSelected(name, [glob]))).toEqual(matches)
    expect(all.filter((name) => isSelected(name, [], [glob]))).toEqual(others)
  })

  it('matches what trying every way matches', () => {
    const letters = fc.constantFrom('a', 'b', '/', '.')
    const name = fc.string({ unit: letters, minLength: 1, maxLength: 9 })
    const glob = fc.string({
      unit: fc.oneof(letters, fc.constantFrom('*', '*', '**', '/**/', '?')),
      maxLength: 7,
    })
    fc.assert(
      fc.property(name, glob, (name, glob) => {
        expect(isSelected(name, [glob])).toBe(isMatchByTrying(name, glob))
      }),
      { numRuns: 20_000 },
    )
  })

  it.each([
    ['stars between letters', `${'*a'.repeat(127)}b`, 'a'.repeat(255)],
    ['stars between letters, and a question', `${'*?'.repeat(127)}b`, 'a'.repeat(255)],
    ['stars of segments', `${'**/a/'.repeat(200)}b`, `${'a/'.repeat(511)}a`],
    ['both', `${'**/*a*a/'.repeat(120)}*b`, `${'aaaaaaa/'.repeat(127)}aaaa`],
    ['nothing but stars', '*'.repeat(1024), 'a'.repeat(255)],
  ])('keeps nobody busy, whatever it is made of: %s', (_what, glob, name) => {
    const isWanted = createSelect({ match: Array.from({ length: 64 }, () => glob), exclude: [] })
    // Trying every way would take longer than the universe has, for the first of them.
    for (let i = 0; i < 3; i++) expect(isWanted(name)).toBe(glob === '*'.repeat(1024))
  })
})

/** What a glob is by its definition: each star takes every number of items in turn. */
function isMatchByTrying(name: string, glob: string): boolean {
  if (glob.endsWith('/')) return isMatchByTrying(name, `${glob}**/*`)
  if (!glob.includes('/')) return tryAll([...(name.split('/').at(-1) ?? '')], [...glob], '*', isOne)
  const rooted = glob.startsWith('/') ? glob.slice(1) : glob
  return tryAll(name.split('/'), rooted.split('/'), '**', (segment, pattern) =>
    tryAll([...segment], [...pattern], '*', isOne),
  )
}

function isOne(a: string, b: string): boolean {
  return b === '?' || a === b
}

function tryAll(
  items: readonly string[],
  [pattern, ...patterns]: readonly string[],
  any: string,
  isOne: (item: string, pattern: string) => boolean,
): boolean {
  if (pattern === undefined) return items.length === 0
  if (pattern !== any) {
    const [item, ...rest] = items
    return item !== undefined && isOne(item, pattern) && tryAll(rest, patterns, any, isOne)
  }
  return Array.from({ length: items.length + 1 }, (_, i) => items.slice(i)).some((rest) =>
    tryAll(rest, patterns, any, isOne),
  )
}

describe('several globs', () => {
  const all = ['a.txt', 'b.jpg', 'd/a.txt', 'd/b.jpg', 'd/c']

  it.each<[match: string[], exclude: string[], selected: string[]]>([
    [[], [], all],
    [['*.txt', '*.jpg'], [], ['a.txt', 'b.jpg', 'd/a.txt', 'd/b.jpg']],
    [[], ['*.txt', 'd/c'], ['b.jpg', 'd/b.jpg']],
    [['d/'], ['*.txt'], ['d/b.jpg', 'd/c']],
    [['*'], ['*'], []],
  ])('match %j and exclude %j select %j', (match, exclude, selected) => {
    expect(all.filter(createSelect({ match, exclude }))).toEqual(selected)
  })
})
