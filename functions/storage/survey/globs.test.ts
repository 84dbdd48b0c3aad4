import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPrune, createSelect } from './globs.ts'

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
    ['a**b', ['ab', 'axb', 'a**b', 'a/b', 'ax/xb', 'd/ab', 'd/ax/e/xb'], ['abc', 'xab', 'a/bc']],
    ['d/**.txt', ['d/a.txt', 'd/e/a.txt', 'd/.txt'], ['a.txt', 'x/d/a.txt', 'd/a.txt/b']],
    ['d/a**', ['d/a', 'd/ab', 'd/a/b', 'd/ab/c'], ['d/b', 'a', 'x/d/a']],
    ['/a**', ['a', 'a/b', 'ab/c'], ['d/a']],
    ['d/**e/a', ['d/e/a', 'd/x/e/a', 'd/x/xe/a'], ['d/a', 'd/x/a']],
    ['a***b', ['ab', 'a/x/b'], ['b']],
    ['[ab]', ['[ab]'], ['a', 'b']],
    ['{a,b}', ['{a,b}'], ['a', 'b']],
    ['a.b+(c)$', ['a.b+(c)$'], ['aXb+(c)$', 'a.bb(c)$']],
    ['!a', ['!a'], ['a', 'b']],
    ['', [], ['a', 'd/a']],
    ['a//b', [], ['a/b', 'a/c/b']],
  ])('%j matches as documented', (glob, matches, others) => {
    const all = [...matches, ...others]
    expect(all.filter((name) => isSelected(name, [glob]))).toEqual(matches)
    expect(all.filter((name) => isSelected(name, [], [glob]))).toEqual(others)
  })

  it('matches the same as an exhaustive search', () => {
    const segment = fc.string({ unit: fc.constantFrom('a', 'b', '.'), minLength: 1, maxLength: 3 })
    const name = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'))
    const glob = fc.string({
      unit: fc.constantFrom('a', 'b', '/', '.', '*', '*', '**', '/**/', '?'),
      maxLength: 7,
    })
    fc.assert(
      fc.property(name, fc.array(glob, { minLength: 1, maxLength: 3 }), (name, globs) => {
        expect(isSelected(name, globs)).toBe(globs.some((glob) => isMatchByTrying(name, glob)))
      }),
      { numRuns: 20_000 },
    )
  })

  it('prunes exactly the directories of which it excludes everything', () => {
    const segment = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 2 })
    const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'))
    const glob = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '**', '/**', '/'), maxLength: 6 })
    fc.assert(
      fc.property(path, path, glob, (directory, rest, glob) => {
        if (!createPrune({ exclude: [glob] })(directory)) return
        expect(isMatchByTrying(`${directory}/${rest}`, glob)).toBe(true)
      }),
      { numRuns: 20_000 },
    )
    const isPruned = createPrune({ exclude: ['a/', '/b/**', 'c*/d/', '*.txt', 'e/f'] })
    const all = ['a', 'b', 'c/d', 'cc/d', 'a/b', 'c', 'x.txt', 'e/f', 'x/a']
    expect(all.filter((name) => isPruned(name))).toEqual(['a', 'b', 'c/d', 'cc/d'])
  })

  it.each([
    ['stars between letters', `${'*a'.repeat(127)}b`, 'a'.repeat(255)],
    ['stars between letters, and a question', `${'*?'.repeat(127)}b`, 'a'.repeat(255)],
    ['stars of segments', `${'**/a/'.repeat(200)}b`, `${'a/'.repeat(511)}a`],
    ['both', `${'**/*a*a/'.repeat(120)}*b`, `${'aaaaaaa/'.repeat(127)}aaaa`],
    ['only stars', '*'.repeat(1024), 'a'.repeat(255)],
  ])(
    'of any kind takes at most its length in steps for each character of a name: %s',
    (_what, glob, name) => {
      const isWanted = createSelect({ match: Array.from({ length: 8 }, () => glob), exclude: [] })
      // An exhaustive search would take longer than the age of the universe, for the first of them.
      for (let i = 0; i < 3; i++) expect(isWanted(name)).toBe(glob === '*'.repeat(1024))
    },
  )
})

/** The definition of a glob: each star tries every number of items in turn. */
function isMatchByTrying(name: string, glob: string): boolean {
  if (glob.endsWith('/')) return isMatchByTrying(name, `${glob}**/*`)
  if (glob === '') return false
  const path = glob.includes('/') ? glob.replace(/^\//, '') : `**/${glob}`
  return trySegments(name.split('/'), path.split('/'))
}

function trySegments(items: readonly string[], [pattern, ...patterns]: readonly string[]): boolean {
  if (pattern === undefined) return items.length === 0
  const counts = Array.from({ length: items.length + 1 }, (_, count) => count)
  if (pattern === '**') return counts.some((count) => trySegments(items.slice(count), patterns))
  // Two stars within a segment match slashes too, and so whole segments.
  return counts
    .slice(1, pattern.includes('**') ? undefined : 2)
    .some(
      (count) =>
        tryCharacters(items.slice(0, count).join('/'), pattern) && trySegments(items.slice(count), patterns),
    )
}

function tryCharacters(text: string, pattern: string): boolean {
  if (pattern === '') return text === ''
  const [stars = ''] = /^\**/.exec(pattern) ?? []
  if (stars !== '') {
    const rest = pattern.slice(stars.length)
    const ends = Array.from({ length: text.length + 1 }, (_, end) => end)
    return ends.some(
      (end) =>
        (stars.length > 1 || !text.slice(0, end).includes('/')) && tryCharacters(text.slice(end), rest),
    )
  }
  const isOne = pattern.startsWith('?') ? text !== '' && !text.startsWith('/') : text[0] === pattern[0]
  return isOne && tryCharacters(text.slice(1), pattern.slice(1))
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
