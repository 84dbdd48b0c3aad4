import { expect, it } from 'vitest'
import { MAX_XML_DEPTH, MAX_XML_ITEM_LENGTH } from '../limits.ts'
import { findAttribute, findText, parseXml, parseXmlItems, type XmlElement } from './parse.ts'

const toTexts = (text: string, most = 10) =>
  parseXmlItems(text, 'list', most, ({ name, text }) => (name === 'a' ? text : null))

it('XML is parsed with its elements, their texts and entities, whatever the prefixes', () => {
  const root = parseXml(
    '<?xml version="1.0"?>\n<!-- c --><D:r xmlns:D="DAV:"><x:a> &lt;&#38;&#x3e; </x:a><b/><c><![CDATA[<&]]></c></D:r>\n',
  )
  expect(root?.name).toBe('r')
  expect(root?.children.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
  expect(['a', 'b', 'c'].map((name) => root && findText(root, name))).toEqual([' <&> ', '', '<&'])
})

it.each([
  ['a text without an element', 'text'],
  ['two roots', '<a/><b/>'],
  ['text beside the root', '<a/>text'],
  ['an element without its end', '<a><b></b>'],
  ['an end without its element', '</a>'],
  ['elements that overlap', '<a><b></a></b>'],
  ['an end in a tag', '<a><b></b'],
  ['an unknown entity', '<a>&nbsp;</a>'],
  ['a name of an object as an entity', '<a>&constructor;</a>'],
  ['a lone ampersand', '<a>a & b</a>'],
  ['a document type', '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'],
  ['elements too deep', '<a>'.repeat(MAX_XML_DEPTH + 1) + '</a>'.repeat(MAX_XML_DEPTH + 1)],
])('XML with %s is refused', async (_, text) => {
  expect(parseXml(text)).toBeNull()
  expect(await parseXmlItems(text, 'a', 10, () => 'item')).toBeNull()
})

it('items of XML are made one by one', async () => {
  expect(await toTexts('<list>\n<a>1</a>\n<a>2</a>\n</list>')).toEqual(['1', '2'])
  expect(await toTexts('<list/>')).toEqual([])
  const blanks = ' '.repeat(MAX_XML_ITEM_LENGTH)
  expect(
    await toTexts(`${blanks}<list>${blanks}<a>1</a>${blanks}<!-- -->${blanks}<a>2</a>${blanks}</list>`),
  ).toEqual(['1', '2'])
  expect(await toTexts('<list><a>1</a></list>', 1)).toEqual(['1'])
})

it.each([
  ['in a root of another name', '<other><a>1</a></other>', 10],
  ['one of which is not understood', '<list><a>1</a><b>2</b></list>', 10],
  ['of which there are too many', '<list><a>1</a><a>2</a></list>', 1],
  ['that are cut off', '<list><a>1</a><a>2', 10],
  ['that are cut off between two', '<list><a>1</a>', 10],
  ['one of which is too long', `<list><a>${'<b/>'.repeat(MAX_XML_ITEM_LENGTH / 4)}</a></list>`, 10],
  ['beside too much text', `<list>${'&amp;'.repeat(MAX_XML_ITEM_LENGTH / 4)}</list>`, 10],
  ['in texts of many megabytes', `<list><a><![CDATA[${'x'.repeat(20_000_000)}]]></a></list>`, 10],
  ['beside too many comments', `<list>${' <!-- -->'.repeat(MAX_XML_ITEM_LENGTH / 8)}</list>`, 10],
  ['after too many declarations', `${'<?a?>'.repeat(MAX_XML_ITEM_LENGTH / 5)}<?a?><list/>`, 10],
  ['in a root of too many attributes', `<list${' b=""'.repeat(MAX_XML_ITEM_LENGTH / 5)}/>`, 10],
  ['after a comment of many megabytes', `<list><!--${'x'.repeat(20_000_000)}--></list>`, 10],
] as const)('items %s are refused', async (_, text, most) => {
  expect(await toTexts(text, most)).toBeNull()
})

it('an attribute is found by its whole name', () => {
  const element = parseXml('<file xsize="1" size="2"\n mtime=\'3\' other="&amp;"/>') as XmlElement // it is valid
  const names = ['size', 'mtime', 'other', 'ize']
  expect(names.map((name) => findAttribute(element, name))).toEqual(['2', '3', '&', null])
})
