import { html } from 'hono/html'
import { createAnswer } from '../../wire/answer.ts'

/** Markup whose values are escaped. */
export type Html = ReturnType<typeof html>

/** What a page is about, and which entry of the navigation it belongs to. */
export interface Head {
  /** Plain text. */
  readonly title: string
  readonly current?: 'files' | 'check' | undefined
}

/**
 * Fields of every page. Nothing that a name or a content could smuggle in is loaded from elsewhere, run, framed or sent
 * away. The referrer goes to this server alone: with none at all a browser would send `Origin: null` with its forms.
 */
export const PAGE_FIELDS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'Referrer-Policy': 'same-origin',
} as const

/** A whole page. */
export function answerPage(status: number, head: Head, main: Html): Response {
  const body = new TextEncoder().encode(`${renderStart(head)}${main}${END}`)
  return createAnswer(status, { ...PAGE_FIELDS, 'Content-Length': String(body.length) }, body)
}

/** A page up to where its `main` begins; `END` goes after it. */
export function renderStart({ title, current }: Head): Html {
  const mark = (entry: Head['current']) => (entry === current ? html` aria-current="page"` : '')
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – vouch</title>
<link rel="stylesheet" href="/assets/page.css">
<script src="/assets/page.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<nav aria-label="Pages"><a class="brand" href="/"${mark('files')}>vouch</a> <a href="/?show=conflicts">Conflicts</a> <a href="/?show=gaps">Gaps</a> <a href="/check"${mark('check')}>Audit</a></nav>
</header>
<main id="main" tabindex="-1">
`
}

export const END = '\n</main>\n</body>\n</html>\n'
