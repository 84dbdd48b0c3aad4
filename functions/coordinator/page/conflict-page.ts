import { html } from 'hono/html'
import { printable } from '../../wire/printable.ts'
import { toNamedPath } from '../../wire/routes.ts'
import type { Manifest } from '../../wire/schemas.ts'
import { answerPage } from './layout.ts'
import { renderName, renderReplicas, renderTime, renderWay, toBytes, toLetter } from './parts.ts'

/**
 * What a browser gets in the place of a file whose copies differ: 409, with these `fields`, and a page of the versions,
 * who holds each, and a link to each.
 */
export function answerConflictPage(manifest: Manifest, fields: Readonly<Record<string, string>>): Response {
  const { name, versions } = manifest
  return answerPage(
    409,
    { title: `The copies of ${printable(name)} differ` },
    html`<h1>The copies of ${renderName(name)} differ</h1>
${renderWay(name)}
<p><a class="button" href="${toNamedPath('/compare/', name)}">Compare them</a></p>
${renderReplicas(manifest)}<table>
<caption>${versions.length} versions</caption>
<thead><tr><th scope="col">Version</th><th scope="col">Size</th><th scope="col">Modified</th><th scope="col">SHA-256</th></tr></thead>
<tbody>
${versions.map(
  ({ digest, size, modified, href }, i) =>
    html`<tr><th scope="row">${toLetter(i)}</th><td>${toBytes(size)}</td><td>${renderTime(modified)}</td><td><a href="${href}"><code>${digest}</code></a></td></tr>\n`,
)}</tbody>
</table>`,
    fields,
  )
}
