import { describe, expect, it } from 'vitest'
import { parseHtmlListing } from './html-listing.ts'
import { readStartTags } from './html-tags.ts'

const URL = 'http://mirror.example/pub/'

/** A page with these links, as Apache and many others show it. */
const toPage = (links: string, title = 'Index of /pub') =>
  `<html><head><title>${title}</title></head><body><h1>${title}</h1><ul>${links}</ul></body></html>`

async function read(html: string): Promise<string[] | null> {
  const entries = await parseHtmlListing(html, URL)
  return entries?.map(({ name, is }) => (is === 'unknown' ? name : `${is} ${name}`)) ?? null
}

describe('a page in HTML', () => {
  it('lists by its links alone, files and directories', async () => {
    const links =
      '<a href="?C=N;O=D">Name</a><a href="/">Parent Directory</a><a href="sub/">sub/</a>' +
      '<a href="long.txt">lon..&gt;</a><A class=x HREF=\'b\'>B</A><a name="c" href=c>C</a><a id="d">D</a>' +
      '<img src="icon.png"><a href="https://apache.example/">Apache</a><a href="mailto:x@y">admin</a>'
    expect(await read(toPage(links))).toEqual(['directory sub', 'long.txt', 'b', 'c'])
  })

  it.each([
    ['&amp;lt;', '&lt;'],
    ['a&amp;b&quot;&#39;&#x27;&#34;', 'a&b"\'\'"'],
    // Of servers that write no references: the names are these.
    ['a&b;c', 'a&b;c'],
    ['amp&ersand', 'amp&ersand'],
    ['a&constructor;', 'a&constructor;'],
  ])('has its references decoded: %j is %j', async (href, name) => {
    expect(await read(toPage(`<a href="${href}">x</a>`))).toEqual([name])
  })

  it('lists a name once, and doubts one that two links may mean in a server that writes no references', async () => {
    expect(await read(toPage('<a href="a">i</a><a href="a">a</a><a href="./a">a</a>'))).toEqual(['a'])
    expect(await read(toPage('<a href="<">x</a><a href="&lt;">x</a>'))).toEqual(['other <'])
  })

  it('doubts a link to an entry that has a query or a fragment', async () => {
    expect(await read(toPage('<a href="a#1">a#1</a><a href="b?v=2">b</a>'))).toEqual(['other a', 'other b'])
  })

  it.each([
    ['Index of /', '<title>Index of /</title><a href="/">up</a><ul></UL>'],
    ['Directory listing for /pub/', '<h1>Directory listing for /pub/</h1><ul></ul></html>\n'],
    ['listing:', '<h1>listing: \n<a href="/">/</a></h1><pre></pre></body>'],
    ['listing directory /', '<title>listing directory /pub</title></html>'],
    ['its own path', '<title>/pub</title><a href="..">up</a></html>'],
    ['the end of its own path', '<title>/</title><a href="..">up</a></html>'],
  ])('may be empty under the heading %j', async (_, html) => {
    expect(await read(html)).toEqual([])
  })

  it.each([
    ['has only a later heading', '<h1>Works</h1><h2>Index of my works</h2><a href="a">a</a></html>'],
    ['has its heading after a link', '<a href="a">a</a><h2>Index of my works</h2></html>'],
    ['has no links under a heading', '<h2>Index of my works</h2></html>'],
    ['has no link above', '<h1>Index of /other</h1><a href="#top">top</a></html>'],
    [
      'has a next one',
      '<title>Index of /</title><a href="a">a</a><a rel="nofollow next" href="b">b</a></html>',
    ],
    ['names a next one', '<link rel=next href="/b"><title>Index of /</title><a href="a">a</a></html>'],
    ['has another heading', '<title>Welcome</title><a href="../">up</a><a href="a">a</a></html>'],
    ['has a heading in its text alone', '<p>Index of</p><a href="../">up</a><a href="a">a</a></html>'],
    ['has its path for a title, and no link above', '<title>/pub</title><a href="a">a</a></html>'],
    ['has the path of another directory', '<title>/other</title><a href="..">up</a></html>'],
    ['is cut off after an entry', '<title>Index of /</title><ul><li><a href="a">a</a></li>'],
    ['is cut off in a tag', '<title>Index of /</title><ul><li><a href="a'],
    ['is cut off in its title', '<title>Index of /'],
    ['is one of several', '<title>Index of /</title><a href="a">a</a><a href="?page=2">next</a></html>'],
    ['has a base', '<base href="/x/"><title>Index of /</title><a href="a">a</a></html>'],
    ['lists under another path', '<title>Index of /</title><a href="/back/a">a</a></html>'],
    ['lists on another host', '<title>Index of /</title><a href="//back.example/pub/a">a</a></html>'],
    ['is empty', ''],
  ])('that %s is no listing', async (_, html) => {
    expect(await read(html)).toBeNull()
  })

  it('lists what is between names that begin and end a comment', async () => {
    const names = ['<!--', 'hidden', '-->']
    const links = names.map((name) => `<a href="${encodeURIComponent(name)}">${name}</a>\n`)
    expect(await read(toPage(links.join('')))).toEqual(names)
  })

  it.each(['<i x="', "<i x='", '<script>', '<style>', '<title>', '<textarea>', '<i x=', '<a href="', 'x<b'])(
    'that shows a name such as %j unescaped never hides other names',
    async (name) => {
      const names = [name, 'hidden', 'z" z\'']
      const links = names.map((name) => `<a href="${encodeURIComponent(name)}">${name}</a>\n`)
      expect([null, names]).toContainEqual(await read(toPage(links.join(''))))
    },
  )

  it.each(['script', 'style', 'title', 'textarea', 'xmp'])(
    'that shows the name <%s> unescaped before such an element is no listing',
    async (name) => {
      const [link, hidden, end] = [`<a href="1"><${name}></a>`, '<a href="2">2</a>', `<${name}></${name}>`]
      expect(await read(toPage(link + hidden + end))).toBeNull()
      const page = `<title>Index of</title><h1>/<${name}></h1><a href="..">..</a>${hidden}${end}</html>`
      expect(await parseHtmlListing(page, `${URL}%3C${name}%3E/`)).toBeNull()
      expect(await read(toPage(hidden + end))).toEqual(['2'])
    },
  )

  it('has no links in scripts and styles', async () => {
    const script = '<script>var a = "<a href=\\"b\\">"; if (1 < 2) {}</script><style>a<b</style>'
    expect(await read(toPage(`${script}<a href="c">c</a>`))).toEqual(['c'])
  })

  it('of many links, or of one endless tag, is read to its end', async () => {
    const links = Array.from({ length: 10_000 }, (_, i) => `<li><a href="${i}">${i}</a></li>`).join('')
    expect(await read(toPage(links))).toHaveLength(10_000)
    expect(await read(toPage(`<a${' x'.repeat(100_000)}`))).toBeNull()
    expect(await read(toPage(`<a${' x'.repeat(10_000)} href="a">a</a>`))).toBeNull()
    expect(await read(toPage(`<a href="${'<'.repeat(100_000)}`))).toBeNull()
    expect(await read(toPage(`${'<'.repeat(100_000)}<a href="a">a</a>`))).toEqual(['a'])
  })

  it('lets other work go on between tags of any kind', () => {
    expect([...readStartTags('<<</a><!----><b>')]).toMatchObject([null, null, null, null, { name: 'b' }])
  })
})
