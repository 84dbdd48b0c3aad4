import { html } from 'hono/html'
import { isDigest } from '../../../wire/digest.ts'
import { toNamedPath } from '../../../wire/fields/routes.ts'
import type { Manifest } from '../../../wire/schemas/manifest.ts'
import { escapeControls } from '../../../wire/text.ts'
import { toLetter } from '../../compare/report.ts'
import { answerPage } from '../layout.ts'
import { renderName, renderPath, renderReplicas, renderSize, renderTime } from '../parts.ts'

/** Answers a browser for a file whose copies differ: 409 with `fields`, and a page of its versions. */
export function answerConflictPage(manifest: Manifest, fields: Readonly<Record<string, string>>): Response {
  const { name, versions } = manifest
  return answerPage(
    409,
    { title: `The copies of ${escapeControls(name)} differ` },
    html`<h1>The copies of ${renderName(name)} differ</h1>
${renderPath(name)}
<p><a class="button" href="${toNamedPath('/compare/', name)}">Compare them</a></p>
${renderReplicas(manifest)}<table>
<caption>${versions.length} versions</caption>
<thead><tr><th scope="col">Version</th><th scope="col">Size</th><th scope="col">Modified</th><th scope="col">SHA-256</th></tr></thead>
<tbody>
${versions.map(
  ({ digest, size, modified, href }, i) =>
    html`<tr><th scope="row">${toLetter(i)}</th><td>${renderSize(size)}</td><td>${renderTime(modified)}</td><td>${isDigest(digest) ? html`<a href="${href}"><code>${digest}</code></a>` : html`<code>${digest}</code>`}</td></tr>\n`,
)}</tbody>
</table>`,
    fields,
  )
}
