import type { Context } from 'hono'
import { html } from 'hono/html'
import { type AppEnv, toCaller } from '../../../http/app.ts'
import { createProblem } from '../../../http/problems.ts'
import { toMediaType } from '../../../http/serve-content.ts'
import { NAME_RULE, parseName } from '../../../storage/names.ts'
import { isDigest } from '../../../wire/digest.ts'
import { parseNamedPath, toNamedPath } from '../../../wire/fields/routes.ts'
import { MAX_PAGE_DIFFERENCES, MAX_PAGE_IMAGE_BYTES, RETRY_AFTER_SECONDS } from '../../../wire/limits.ts'
import type { Manifest } from '../../../wire/schemas/manifest.ts'
import { escapeControls } from '../../../wire/text.ts'
import { gather } from '../../ask/gather.ts'
import { type Comparison, compare } from '../../compare/compare.ts'
import { hasSource, toLetter, toManifest } from '../../compare/report.ts'
import type { CoordinatorContext, ReadRequest } from '../../context.ts'
import { findRecords, planName } from '../../repair/plan.ts'
import { readKnown } from '../known.ts'
import { answerPage, type Html } from '../layout.ts'
import {
  renderMark,
  renderName,
  renderPath,
  renderReplicas,
  renderSize,
  renderTime,
  toIdsText,
} from '../parts.ts'
import { renderDifference } from './difference.ts'
import { type Shown, showDifference } from './file-difference.ts'
import { renderHistory } from './file-history.ts'

/** `GET /compare/{name}`: each replica's copy of a file, its versions side by side, and how they differ. */
export async function answerFile(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  const name = parseName(parseNamedPath('/compare/', c.req.url) ?? '')
  if (name === null) return createProblem('invalid-name', NAME_RULE)
  const read = { ...context, ...toCaller(c), name }
  const comparison = compare(await gather(read))
  const known = await readKnown(context, (ledger) => ledger.history(name))
  const differences = await readDifferences(read, comparison)
  if (differences instanceof Response) return differences
  const manifest = toManifest(name, comparison)
  const status = STATUS[manifest.agreement] ?? 200
  return answerPage(
    status,
    { title: escapeControls(name) },
    html`<h1>${renderName(name)}</h1>
${renderPath(name)}
<p>${renderMark(manifest.agreement)}</p>
${renderReplicas(manifest)}${renderVersions(manifest, context)}${differences.map(
  (shown, i) =>
    html`<h2>How ${toLetter(i + 1)} differs from A</h2>\n${renderDifference(shown, 'A', toLetter(i + 1))}\n`,
)}${renderRest(manifest.versions.length - 1 - differences.length)}${renderHistory(known)}`,
    status === 503 ? { 'Retry-After': String(RETRY_AFTER_SECONDS) } : {},
  )
}

function renderRest(count: number): Html {
  if (count <= 0) return html``
  return html`<p>${count} more ${count === 1 ? 'version is' : 'versions are'} not compared on this page.</p>`
}

/** As for the file itself; all else is 200, a conflict too: this page shows it. */
const STATUS: Readonly<Record<string, number>> = { absent: 404, unknown: 503 }

/** The first few other versions against the first; a problem when too many pages compare at once. */
async function readDifferences(
  read: ReadRequest & Pick<CoordinatorContext, 'limits'>,
  { versions }: Comparison,
): Promise<Shown[] | Response> {
  const [first, ...others] = versions
  if (first === undefined || others.length === 0) return []
  const compared = others.slice(0, MAX_PAGE_DIFFERENCES)
  return await read.limits.comparisons.run(() =>
    Promise.all(compared.map((other) => showDifference(read, first, other))),
  )
}

function renderVersions(
  manifest: Manifest,
  { isWritable, members }: Pick<CoordinatorContext, 'isWritable' | 'members'>,
): Html {
  const { name, versions, agreement } = manifest
  if (versions.length === 0) return html``
  const note =
    isWritable || agreement === 'unanimous'
      ? ''
      : html`<p>This coordinator takes no writes. Start it with <code>--writable</code> to choose here which version to keep.</p>`
  return html`<h2>${versions.length === 1 ? 'The content' : `${versions.length} versions`}</h2>
${note}<div class="versions">
${versions.map((version, i) =>
  renderVersion(name, version, {
    letter: versions.length === 1 ? '' : toLetter(i),
    to: isWritable ? findTargets(manifest, version, findRecords(members)) : [],
    isSent: hasSource(version, manifest.replicas),
  }),
)}</div>
${isWritable ? html`<p><a class="button" href="${toNamedPath('/restore/', name)}">Replaced contents</a></p>\n` : ''}`
}

type Version = Manifest['versions'][number]

function renderVersion(
  name: string,
  { digest, size, modified, replicas, href }: Version,
  {
    letter,
    to,
    isSent,
  }: { readonly letter: string; readonly to: readonly string[]; readonly isSent: boolean },
): Html {
  const called = letter === '' ? 'the content' : `version ${letter}`
  const keep = `${toNamedPath('/keep/', name)}?version=${digest}`
  const isShown = isSent && size !== null && size <= MAX_PAGE_IMAGE_BYTES && IMAGES.has(toMediaType(name))
  return html`<section class="version" aria-label="${called}">
<h3>${letter === '' ? 'The only version' : `Version ${letter}`}</h3>
<dl>
<dt>Held by</dt><dd>${replicas.join(', ')}</dd>
<dt>Size</dt><dd>${renderSize(size)}</dd>
<dt>Modified</dt><dd>${renderTime(modified)}</dd>
<dt>${isDigest(digest) ? 'SHA-256' : 'Checksum'}</dt><dd><code>${digest}</code></dd>
</dl>
${isShown ? html`<img src="${href}" alt="${called} as an image">` : ''}
<div class="actions">${isSent ? html`<a class="button" href="${href}" download="${toDownloadName(name, letter)}">Download<span class="unseen"> (${called})</span></a>` : 'A list has no bytes to download.'}
${to.length > 0 ? html`<a class="button" href="${keep}">${letter === '' ? `Copy to ${toIdsText(to)}` : html`Keep this one<span class="unseen"> (${called})</span>`} &hellip;</a>` : ''}</div>
</section>
`
}

/** Types that an `img` shows and never runs, not even an SVG (SVG 2 §2.7.1, secure static mode). */
const IMAGES: ReadonlySet<string> = new Set([
  ...['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/bmp', 'image/x-icon'],
  'image/svg+xml',
])

/** The replicas to which that version would be written to keep it. */
function findTargets(
  manifest: Manifest,
  { replicas: [holder = ''] }: Version,
  records: ReadonlySet<string>,
): string[] {
  const steps = planName(manifest, [{ prefix: manifest.name, policy: { keep: holder } }], records)
  return (steps ?? []).map(({ to }) => to)
}

function toDownloadName(name: string, letter: string): string {
  const last = name.slice(name.lastIndexOf('/') + 1)
  return letter === '' ? last : `${letter}-${last}`
}
