import { PASSED_WORDS } from '../../wire/passed.ts'
import { AGE_UNITS, SEEN_WORDS } from '../../wire/words/evidence.ts'
import { MARKS } from './parts.ts'

/** The pages' script, in ASCII: shows an audit live, from `GET /audit`, as text and never as markup. */
export const SCRIPT = `'use strict'
const form = document.getElementById('audit')
const live = document.getElementById('live')
if (form !== null && live !== null) form.addEventListener('submit', start)

const MOST = 500
const MARKS = ${toAscii(MARKS)}
const AGES = ${JSON.stringify(AGE_UNITS)}
const SEEN = ${JSON.stringify(SEEN_WORDS)}
const PASSED = ${JSON.stringify(PASSED_WORDS)}
let abort = new AbortController()

function start(event) {
  event.preventDefault()
  abort.abort()
  const { signal } = (abort = new AbortController())
  const folder = form.elements.in.value
  const query = new URLSearchParams({ prefix: folder === '' || folder.endsWith('/') ? folder : folder + '/' })
  if (form.elements.deep.checked) query.set('deep', 'true')
  const view = createView()
  document.getElementById('stop').onclick = () => abort.abort()
  watch('/audit?' + query, signal, view).then(view.end, (error) => {
    // Another audit has begun, and owns the page.
    if (signal !== abort.signal) return
    view.fail(signal.aborted ? 'Stopped.' : 'The audit broke off: ' + error.message)
  })
}

async function watch(url, signal, view) {
  const response = await fetch(url, { signal })
  if (!response.ok) throw new Error((await response.json()).detail)
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  let ended = false
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    const lines = (text + value).split('\\n')
    text = lines.pop()
    for (const line of lines) {
      const record = JSON.parse(line)
      ended ||= 'summary' in record
      view.add(record)
    }
  }
  if (!ended) throw new Error('the summary is missing')
}

function createView() {
  const status = document.getElementById('status')
  const now = document.getElementById('now')
  const bar = document.getElementById('bar')
  const stop = document.getElementById('stop')
  const table = document.getElementById('rows')
  const rows = table.tBodies[0]
  rows.replaceChildren()
  table.hidden = true
  live.hidden = false
  const known = document.getElementById('known')
  if (known !== null) known.hidden = true
  stop.hidden = bar.hidden = false
  bar.removeAttribute('value')
  now.textContent = ''
  status.textContent = 'The audit has begun.'
  document.getElementById('found').focus()
  let found = 0

  function addRow(manifest) {
    table.hidden = false
    if (++found > MOST) return
    const { name, agreement } = manifest
    const head = make('th', toLink(name))
    head.scope = 'row'
    const [sign, words] = MARKS[agreement] || ['?', agreement]
    const hidden = make('span', sign)
    hidden.ariaHidden = 'true'
    const mark = make('span', hidden, ' ' + words)
    mark.className = 'mark ' + agreement
    rows.append(make('tr', head, make('td', mark), make('td', ...toHolders(manifest))))
  }

  function showProgress({ replicas }) {
    now.textContent = replicas.map(toAmount).join('; ')
    if (replicas.some(({ of }) => of === null)) return
    bar.max = sum(replicas.map(({ of }) => of.names))
    bar.value = sum(replicas.map(({ seen }) => seen.names))
  }

  function showSummary({ names, agreements, uncompared, exclude = [], replicas }) {
    const left = exclude.length === 0 ? [] : ['Not compared, since the coordinator excludes it: ' + escapeControls(exclude.join(', ')) + '.']
    const lost = replicas.filter(({ state }) => state === 'error').map(({ id, detail }) => id + ' was left out: ' + detail)
    const same = agreements.unanimous || 0
    const words = names === 0 && lost.length === 0 && !uncompared ? 'No replica has a file there.' : found === 0 ? 'No file differs or is missing on a replica.' : count(found) + ' not the same everywhere' + (found > MOST ? ', the first ' + MOST + ' shown.' : '.')
    status.textContent = ['Done.', words, count(names) + (names === 1 ? ' file' : ' files') + ' compared, ' + count(same) + ' the same everywhere.', ...left, ...replicas.flatMap(toSeen), ...lost, ...replicas.flatMap(toPassed)].join(' ')
  }

  return {
    add(line) {
      if (line.versions) addRow(line)
      else if (line.progress) showProgress(line.progress)
      else if (line.summary) showSummary(line.summary)
    },
    end() {
      stop.hidden = bar.hidden = true
    },
    fail(words) {
      this.end()
      status.textContent = words
    },
  }
}

function toAmount({ id, seen, of }) {
  return id + ': ' + count(seen.names) + (of === null ? '' : ' of ' + count(of.names)) + ' files compared'
}

function toSeen({ id, seen }) {
  const words = SEEN.filter(([kind]) => seen[kind] > 0).map(([kind, words]) => count(seen[kind]) + ' ' + words)
  if (words.length === 0) return []
  const isOld = seen.remembered + seen.recorded > 0 && seen.oldest > 0
  return ['How the copies are known, on ' + id + ': ' + words.join(', ') + (isOld ? ' (the oldest ' + toAge(seen.oldest) + ' ago)' : '') + '.']
}

function toAge(seconds) {
  const [length, unit] = AGES.find(([length]) => seconds >= 2 * length) || [1, seconds === 1 ? 'second' : 'seconds']
  return count(Math.floor(seconds / length)) + ' ' + unit
}

function toPassed({ id, state, passed }) {
  if (!passed) return state === 'ok' ? [id + ' does not report the files that it skips: its server is older than this one.'] : []
  return passed.map(({ kind, count: number, examples }) => {
    const [one, several, isFile] = PASSED[kind]
    const deed = isFile ? 'could not be compared' : number === 1 ? 'was skipped' : 'were skipped'
    const list = examples.length === 0 ? '' : (number > examples.length ? ', such as ' : ': ') + examples.map(escapeControls).join(', ')
    return id + ': ' + count(number) + ' ' + (number === 1 ? one : several) + ' ' + deed + list + '.'
  })
}

// A directory that could not be read has no page.
function toLink(name) {
  const shown = make('bdi', escapeControls(name))
  if (name === '' || name.endsWith('/')) return shown
  const link = make('a', shown)
  link.href = '/compare/' + name.split('/').map(encodeURIComponent).join('/')
  return link
}

function toHolders({ versions, replicas }) {
  const words = versions.map((version, i) => (versions.length > 1 ? String.fromCharCode(65 + i) + ': ' : '') + version.replicas.join(', '))
  for (const { id, state, detail, rottedFrom } of replicas) {
    if (state === 'missing') words.push('missing on ' + id)
    if (state === 'error') words.push(id + ' sent no copy: ' + escapeControls(detail || ''))
    if (state === 'corrupt') words.push(id + ' is corrupt')
    if (rottedFrom) words.push(id + ' rotted')
  }
  return words.flatMap((word, i) => (i === 0 ? [word] : [document.createElement('br'), word]))
}

function make(tag, ...children) {
  const element = document.createElement(tag)
  element.append(...children)
  return element
}

function sum(numbers) {
  return numbers.reduce((a, b) => a + b, 0)
}

function count(number) {
  return number.toLocaleString('en')
}

function escapeControls(text) {
  return text.replace(/[\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}]/gu, (c) => '\\\\u{' + c.codePointAt(0).toString(16) + '}')
}
`

function toAscii(value: unknown): string {
  return JSON.stringify(value).replace(/[^\0-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`)
}
