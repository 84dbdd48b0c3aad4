import { html } from 'hono/html'
import { createAnswer } from '../../http/answer.ts'

/** Markup whose values are escaped. */
export type Html = ReturnType<typeof html>

/** The title of a page, and its entry in the navigation. */
export interface Head {
  /** Plain text. */
  readonly title: string
  readonly current?: 'files' | 'check' | undefined
}

/**
 * Begins a page, up to the start of `main`; `END` closes it. Nothing that a name or a content could inject is
 * loaded from elsewhere, run, framed or sent away. Script and style are allowed by a nonce (CSP 3 §7.1),
 * because files of this server may be scripts. The referrer is sent to this server only: without any, a
 * browser would send `Origin: null` with forms.
 */
export function beginPage({ title, current }: Head) {
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
<title>${title} &ndash; vouch</title>
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

/** Answers with a whole page, with `own` fields besides those of every page. */
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
