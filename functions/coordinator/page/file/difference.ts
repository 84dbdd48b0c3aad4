import { html } from 'hono/html'
import { escapeControls, formatNumber } from '../../../wire/text.ts'
import type { Html } from '../layout.ts'
import { renderSize } from '../parts.ts'
import type { DiffRow, Line, Shown } from './file-difference.ts'

/** Renders how version `b` differs from version `a`; both are letters. */
export function renderDifference(shown: Shown, a: string, b: string): Html {
  if (shown.kind === 'lines') return renderLines(shown.parts, a, b)
  if (shown.kind === 'error') {
    return html`<p class="warning">How they differ is not known: ${escapeControls(shown.detail)}.</p>`
  }
  if (shown.kind === 'beyond') {
    return html`<p>The first ${renderSize(shown.offset)} are alike; the rest was not compared.</p>`
  }
  const { offset, prefix, next } = shown
  const [short, long] = prefix === 0 ? [a, b] : [b, a]
  const words =
    prefix === null
      ? `The first byte that differs is at offset ${formatNumber(offset)}, counted from 0.`
      : `${long} begins with all of ${short}, and continues at offset ${formatNumber(offset)}, counted from 0.`
  return html`<p>${words}</p>
<table>
<caption>Bytes from there on, in hexadecimal</caption>
<thead><tr><th scope="col">Version</th><th scope="col">Bytes</th><th scope="col">As text</th></tr></thead>
<tbody>${renderBytes(a, next[0])}${renderBytes(b, next[1])}</tbody>
</table>`
}

function renderBytes(letter: string, bytes: Uint8Array): Html {
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
  const text = [...bytes].map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '·')).join('')
  return html`<tr><th scope="row">${letter}</th><td class="hex">${hex === '' ? 'it ends here' : hex}</td><td class="hex">${text}</td></tr>`
}

function renderLines(parts: readonly (readonly DiffRow[])[], a: string, b: string): Html {
  return html`<table class="diff">
<caption>Lines that differ, with three lines around</caption>
<thead><tr><th class="line"><span class="unseen">Line of ${a}</span></th><th scope="col">${a}</th><th class="line"><span class="unseen">Line of ${b}</span></th><th scope="col">${b}</th></tr></thead>
${parts.map((rows) => html`<tbody>\n${rows.map(renderRow)}</tbody>\n`)}</table>`
}

function renderRow({ kind, from, to }: DiffRow): Html {
  if (kind === 'same')
    return html`<tr>${renderLine(from, 'same', 'span')}${renderLine(to, 'same', 'span')}</tr>\n`
  return html`<tr>${renderLine(from, 'gone', 'del')}${renderLine(to, 'come', 'ins')}</tr>\n`
}

function renderLine(line: Line | null, look: string, tag: 'span' | 'del' | 'ins'): Html {
  if (line === null) return html`<td class="line"></td><td></td>`
  const { number, text, isOpen } = line
  // Tabs stay: in a diff their width matters.
  const shown = text.replace(/[^\t]+/g, escapeControls)
  const cell = {
    span: html`<span>${shown}</span>`,
    del: html`<del>${shown}</del>`,
    ins: html`<ins>${shown}</ins>`,
  }[tag]
  return html`<td class="line">${number}</td><td class="${look}" dir="auto">${cell}${isOpen ? html` <small>no line end</small>` : ''}</td>`
}
