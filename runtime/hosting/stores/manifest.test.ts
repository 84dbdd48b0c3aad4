import { createHash } from 'node:crypto'
import { describe, expect, it, test } from 'vitest'
import { createStageWith, type Files, startServer } from '../../cli/stage.suite.ts'
import { manifest } from './manifest.ts'

function sum(algorithm: string, text: string): string {
  return createHash(algorithm).update(text).digest('hex')
}

/**
 * A stage with a directory, and a list of what it held once: `same`, another `changed`, `gone`, and not
 * `new`.
 */
function setUp(list: Files) {
  return createStageWith({ 'dir/same': 'same', 'dir/changed': 'now', 'dir/new': 'new', ...list })
}

function toList(algorithm: string): string {
  const lines = { same: 'same', changed: 'then', gone: 'gone' }
  return Object.entries(lines)
    .map(([name, text]) => `${sum(algorithm, text)}  ${name}\n`)
    .join('')
}

describe('the fixity check of long ago', () => {
  it.each([
    ['SHA256SUMS', 'sha256'],
    ['old.md5', 'md5'],
    ['SHA1SUMS', 'sha1'],
    ['SHA512SUMS', 'sha512'],
  ])('by %s finds what changed, what is gone, and what is new', async (name, algorithm) => {
    const stage = setUp({ [name]: toList(algorithm) })
    const { status, stdout, stderr } = await stage.run([
      ...['check', '--replica', 'now=dir', '--replica', `then=manifest:${name}`],
    ])
    expect([status, stdout]).toEqual([1, '* changed\n- gone\n+ new\n'])
    expect(stderr).toContain(`then: ${name} records the `)
    expect(stderr.includes('finds accidents, not intent')).toBe(['md5', 'sha1'].includes(algorithm))
  })

  it('by a list with a line that is not understood calls nothing missing', async () => {
    const stage = setUp({ SHA256SUMS: `${toList('sha256')}and more\n` })
    const { status, stdout } = await stage.run([
      ...['check', '--replica', 'now=dir', '--replica', 'then=manifest:SHA256SUMS'],
    ])
    expect([status, stdout]).toEqual([2, '* changed\n! gone\n! new\n'])
  })

  it('by what vouch itself printed', async () => {
    const stage = createStageWith({ 'a/same': 'same', 'a/x': 'then', 'b/same': 'same', 'b/x': 'then' })
    const replicas = ['--replica', 'a=a', '--replica', 'b=b']
    const { stdout: record } = await stage.run(['check', '--json', '--all', ...replicas])
    stage.write({ 'then.json': record, 'a/x': 'now', 'a/new': '' })
    const then = ['--replica', 'now=a', '--replica', 'then=manifest:then.json']
    expect(await stage.run(['check', ...then])).toMatchObject({ status: 1, stdout: '* x\n+ new\n' })
    const { stdout: part } = await stage.run(['check', '--json', ...replicas])
    stage.write({ 'then.json': part })
    expect(await stage.run(['check', ...then])).toMatchObject({ status: 2 })
  })

  it('by a list on a web server', async () => {
    const [, url = ''] = await startServer(() => new Response(toList('sha256')))
    const stage = setUp({})
    const { status, stdout } = await stage.run([
      ...['check', '--replica', 'now=dir', '--replica', `then=manifest+${url}/SHA256SUMS`],
    ])
    expect([status, stdout]).toEqual([1, '* changed\n- gone\n+ new\n'])
  })
})

test('of a name that differs the copy is delivered, and the list never is', async () => {
  const stage = setUp({ SHA256SUMS: toList('sha256') })
  const replicas = ['--replica', 'then=manifest:SHA256SUMS', '--replica', 'now=dir']
  expect(await stage.run(['get', 'same', '-o', 'got', ...replicas])).toMatchObject({ status: 0 })
  expect(stage.read('got')).toBe('same')
  expect(await stage.run(['get', 'changed', '-o', 'other', ...replicas])).toMatchObject({ status: 1 })
  expect(await stage.run(['get', 'gone', '-o', 'gone', ...replicas])).not.toMatchObject({ status: 0 })
})

test.each([
  ['manifest:', false],
  ['manifest:a', true],
  ['manifest:/d/SHA256SUMS?root=photos&format=gnu&algorithm=sha256', true],
  ['manifest:a?format=sums', false],
  ['manifest:a?algorithm=xxh3', false],
  ['manifest:a?colour=red', false],
  ['manifest+https://h.example/SHA256SUMS?root=x', true],
  ['manifest+https://user:secret@h.example/SHA256SUMS', false],
  ['manifest+https://h.example/%zz', false],
  ['manifest+https://h.example/%ff', false],
  ['manifest+https://h.example/%ff/SHA256SUMS', true],
  ['manifest+https://h.example/a%20b', true],
  ['manifest+ftp://h.example/SHA256SUMS', false],
])('%s is an address: %s', (address, expected) => {
  expect(manifest.isValid(address)).toBe(expected)
})

test('a relative path starts at the directory that it is given in', () => {
  expect(manifest.resolve?.('manifest:../a?root=x', '/d/e')).toBe('manifest:/d/a?root=x')
  expect(manifest.resolve?.('manifest+https://h.example/a', '/d')).toBe('manifest+https://h.example/a')
  expect(manifest.format?.('manifest:a?root=x')).toBe('manifest:a')
})
