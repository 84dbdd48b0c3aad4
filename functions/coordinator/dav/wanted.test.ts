import { expect, it } from 'vitest'
import { MAX_XML_DEPTH } from '../../wire/limits.ts'
import { parseWanted } from './wanted.ts'

const dav = (inner: string) => `<?xml version="1.0"?><D:propfind xmlns:D="DAV:">${inner}</D:propfind>`

it.each([
  ['no body', '', 'all'],
  ['allprop', dav('<D:allprop/>'), 'all'],
  ['allprop with include', dav('<D:allprop/><D:include><D:x/></D:include>'), 'all'],
  ['propname', dav('<D:propname/>'), 'names'],
  [
    'prop, whose elements have any prefix',
    `<propfind xmlns='DAV:'><prop xmlns:o="urn:o"><getetag/><o:id/><n xmlns=""/><o:x xmlns:o="urn:p"/></prop></propfind>`,
    [
      { namespace: 'DAV:', name: 'getetag' },
      { namespace: 'urn:o', name: 'id' },
      { namespace: '', name: 'n' },
      { namespace: 'urn:p', name: 'x' },
    ],
  ],
  ['prop of nothing', dav('<D:prop/>'), []],
])('a request for properties has %s', (_, text, wanted) => {
  expect(parseWanted(text)).toEqual(wanted)
})

it.each([
  ['a text', 'allprop'],
  ['another root', '<D:prop xmlns:D="DAV:"/>'],
  ['a root of no namespace', '<propfind><allprop/></propfind>'],
  ['nothing in it', dav('')],
  ['two kinds', dav('<D:allprop/><D:propname/>')],
  ['two lists', dav('<D:prop/><D:prop/>')],
  ['a kind of another namespace', dav('<x:allprop xmlns:x="urn:x"/>')],
  ['a prefix that is not declared', dav('<D:prop><y:a/></D:prop>')],
  ['a control character in a namespace', dav('<D:prop><a xmlns="\u0001"/></D:prop>')],
  ['entities of its own', `<!DOCTYPE a [<!ENTITY b "c">]>${dav('<D:allprop/>')}`],
  ['elements too deep', dav(`${'<D:prop>'.repeat(MAX_XML_DEPTH)}${'</D:prop>'.repeat(MAX_XML_DEPTH)}`)],
])('a request for properties is refused for %s', (_, text) => {
  expect(parseWanted(text)).toBeNull()
})

it('takes no long namespace for many properties, which each file would repeat', () => {
  const ask = (namespace: string) =>
    parseWanted(
      `<D:propfind xmlns:D="DAV:"><D:prop xmlns="${namespace}">${'<a/>'.repeat(200)}</D:prop></D:propfind>`,
    )
  expect(ask('x'.repeat(10))).toHaveLength(200)
  expect(ask('x'.repeat(1000))).toBeNull()
})
