import { html } from 'hono/html'
import { printable } from '../../wire/printable.ts'
import { toNamedPath } from '../../wire/routes.ts'
import type { Manifest } from '../../wire/schemas.ts'
import { renderName } from './parts.ts'

/** What a browser shows for a name whose copies differ: the versions, who holds each, and a link to each. */
export function renderConflict(manifest: Manifest) {
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The copies of ${printable(manifest.name)} differ</title>
<main>
<h1>The copies of ${renderName(manifest.name)} differ</h1>
<table>
<caption>${manifest.versions.length} versions</caption>
<thead><tr><th scope="col">Held by</th><th scope="col">Size</th><th scope="col">Modified</th><th scope="col">SHA-256</th></tr></thead>
<tbody>
${manifest.versions.map(
  ({ digest, size, modified, replicas, href }) =>
    html`<tr><td>${replicas.join(', ')}</td><td>${size} bytes</td><td>${modified ?? 'unknown'}</td><td><a href="${href}">${digest}</a></td></tr>`,
)}
</tbody>
</table>
<p><a href="${toNamedPath('/compare/', manifest.name)}">Compare them</a></p>
<ul>
${manifest.replicas
  .filter(({ state }) => state !== 'differ')
  .map(({ id, state, detail }) => html`<li>${id}: ${state}${detail ? `, ${detail}` : ''}</li>`)}
</ul>
</main>
</html>`
}
