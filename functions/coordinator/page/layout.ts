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

/** How a page begins. */
export interface PageStart {
  readonly fields: Readonly<Record<string, string>>
  /** Up to where its `main` begins; `END` goes after that. */
  readonly text: Html
}

/**
 * Begins a page. Nothing that a name or a content could smuggle in is loaded from elsewhere, run, framed or sent away:
 * what is run and how the page looks is told by a nonce (CSP 3 §7.1), since files of this server may be scripts. The
 * referrer goes to this server alone: with none at all a browser would send `Origin: null` with its forms.
 */
export function beginPage({ title, current }: Head): PageStart {
  const nonce = crypto.randomUUID()
  const mark = (entry: Head['current']) => (entry === current ? html` aria-current="page"` : '')
  const fields = {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    'Content-Security-Policy': `default-src 'none'; img-src 'self'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
    'Referrer-Policy': 'same-origin',
  }
  const text = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – vouch</title>
<link rel="stylesheet" href="/assets/page.css" nonce="${nonce}">
<script src="/assets/page.js" nonce="${nonce}" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<nav aria-label="Pages"><a class="brand" href="/"${mark('files')}>vouch</a> <a href="/?show=conflicts">Conflicts</a> <a href="/?show=gaps">Gaps</a> <a href="/check"${mark('check')}>Audit</a></nav>
</header>
<main id="main" tabindex="-1">
`
  return { fields, text }
}

export const END = '\n</main>\n</body>\n</html>\n'

/** A whole page, with these fields of its own beside those of every page. */
export function answerPage(
  status: number,
  head: Head,
  main: Html,
  own: Readonly<Record<string, string>> = {},
): Response {
  const { fields, text } = beginPage(head)
  const body = new TextEncoder().encode(`${text}${main}${END}`)
  return createAnswer(status, { ...fields, ...own, 'Content-Length': String(body.length) }, body)
}
