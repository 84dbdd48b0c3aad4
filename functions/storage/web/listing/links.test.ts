import { describe, expect, it } from 'vitest'
import { decodePercent, follow, toPageAddress } from './links.ts'

const page = toPageAddress('https://mirror.example/pub/d%26r/')
const entry = (name: string, rest = {}) => ({ name, isDirectory: false, hasQuery: false, ...rest })

const MORE = [
  ...['?2', '?pageNumber=2', '?pg=2', '?o=100', '?start-after=x', '?continuation-token=x', '?next=x'],
  ...['?p=2', '?c=2', '?C=N;o=100', '?page=2#top', '?resort=2'],
]

describe('a link of a page', () => {
  it.each([
    'a.txt',
    './a.txt',
    'sub/../a.txt',
    '/pub/d&r/a.txt',
    '/pub/d%26r/%61.txt',
    '//mirror.example/pub/d&r/a.txt',
    'https://mirror.example/pub/d&r/a.txt',
    // Behind a proxy for TLS, which the server does not know of.
    'http://Mirror.Example:8080/pub/d&r/a.txt',
  ])('%j leads to a.txt', (href) => {
    expect(follow(href, page)).toEqual(entry('a.txt'))
  })

  it.each([
    ['sub/', entry('sub', { isDirectory: true })],
    ['sub/.', entry('sub', { isDirectory: true })],
    ['a%2Fb', entry('a/b')],
    ['per%2520cent', entry('per%20cent')],
    ['100%', entry('100%')],
    ['%ff', entry('\udcff')],
    ['back\\slash', entry('back\\slash')],
    ['co:lon.txt', entry('co:lon.txt')],
    ['http:x', entry('http:x')],
    [' blank ', entry(' blank ')],
    ['line\nfeed', entry('line\nfeed')],
    ['<b>.txt', entry('<b>.txt')],
    ['file?raw', entry('file', { hasQuery: true })],
    ['file#top', entry('file', { hasQuery: true })],
  ])('%j leads to an entry, as it is written', (href, expected) => {
    expect(follow(href, page)).toEqual(expected)
  })

  it.each([
    ['', 'here'],
    ['?C=N;O=D', 'here'],
    ['#top', 'here'],
    ['./', 'here'],
    ['/pub/d%26r/?sort=size', 'here'],
    ['?', 'here'],
    ['?C=M&O=A', 'here'],
    ['?F=2;V=1;P=*', 'here'],
    ['?by=size&order=desc#top', 'here'],
    ['?nd', 'here'],
    ['#page=2', 'here'],
    ['/pub/d&r', 'here'],
    ['?page=2', 'more'],
    ['./?sort=name&offset=100', 'more'],
    ...MORE.map((query) => [query, 'more'] as const),
    ['..', 'above'],
    ['../', 'above'],
    ['/', 'above'],
    ['../../../../', 'above'],
    ['/pub', 'above'],
    ['../other/a.txt', 'elsewhere'],
    ['/a.txt', 'elsewhere'],
    ['https://backend.example/pub/d&r/a.txt', 'elsewhere'],
    ['https://backend.example/pub/', null],
    ['https://mirror.example@backend.example/', null],
    ['ftp://mirror.example/pub/d&r/a.txt', null],
    ['mailto:admin@mirror.example', null],
    ['javascript:void(0)', null],
    ['sub/deeper', null],
    ['sub//', null],
  ] as const)('%j leads to no entry', (href, expected) => {
    expect(follow(href, page)).toEqual(expected)
  })
})

it('different bytes are decoded to different text', () => {
  const texts = ['%ff', '%ed%b3%bf', '\ufffd', '%C3%BC', 'ü', '%c3', '%', '%4', '%zz', '%00']
  expect(texts.map(decodePercent)).toEqual([
    ...['\udcff', '\udced\udcb3\udcbf', '\ufffd', 'ü', 'ü', '\udcc3', '%', '%4', '%zz', '\0'],
  ])
})
