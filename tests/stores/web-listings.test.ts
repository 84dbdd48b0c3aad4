import { chmodSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createStage, type Files, type Ran, writeFiles } from '../../runtime/cli/stage.suite.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'
import { hasProgram } from '../operating/operating.suite.ts'
import {
  startApache,
  startCaddy,
  startH2o,
  startLighttpd,
  startNginx,
  startPython,
  startRclone,
  startSimple,
  type WebServer,
  WITH_LISTINGS,
  WITH_WEBDAV,
} from './web-servers.suite.ts'

// A directory compared with each server's listing of another, by the command.

/** The comparisons need not last two seconds more; `web-validators.test.ts` shows what those are for. */
vi.mock('../../functions/wire/limits.ts', async (load) => ({
  ...(await load<typeof import('../../functions/wire/limits.ts')>()),
  SEEN_AGAIN_MS: 0,
}))

const { path: scratch, remove } = createTemporaryDirectory('vouch-listings-')
const root = join(scratch, 'root')

/** Names that servers write in different ways, or cut. */
const AWKWARD = [
  ...[' lead', '"quoted"', '#hash', '&amp;', '<b>.txt', "apos'.txt", 'a&b;c', 'co:lon', 'http:x'],
  ...['p%', 'p%41', 'plus+', 'quest?ion=1', 'semi;colon', 'star*~!$()=,@[]{}|^`', 'two  blanks', '\u{1f600}'],
  ...['u\u0308', 'deep/er/file', `${'long'.repeat(20)}.txt`, 'page.html'],
]

const SAME = Object.fromEntries(AWKWARD.map((name) => [name, name]))
const HERE: Files = { ...SAME, 'deep/changed#': 'here', 'only here': 'here', '.dot': 'dot' }
const THERE: Files = { ...SAME, 'deep/changed#': 'away', 'new/only & there': 'there', '.dot': 'dot' }

/** The lines of a comparison of the two. */
const MARKS = [
  ...['* deep/changed#', '+ only here', '- new/only & there', '= .dot'],
  ...AWKWARD.map((name) => `= ${name}`),
].sort()

const FOLDERS: Files = { 'ünï/cödé': 'x', 'd&r #1/x?y': 'x', '50% off/f': 'x' }

/** A page that looks like a listing, of which the first line is one of a comparison without it. */
const INDEX = '<title>Index of pages</title><a href="a">a</a></html>'

beforeAll(() => {
  // Apache and lighttpd may give up root's rights.
  chmodSync(scratch, 0o755)
  writeFiles(join(root, 'tree'), THERE)
  mkdirSync(join(root, 'tree/empty'))
  writeFiles(join(root, 'folders'), FOLDERS)
  writeFiles(join(root, 'untaken'), { good: 'x', 'back\\slash': 'x' })
  writeFiles(join(root, 'site'), { 'index.html': INDEX, a: 'x', extra: 'x' })
})
afterAll(remove)

interface Server {
  readonly name: string
  readonly program: string
  /** Starts it over `root`, with its own files in `own`. */
  start(own: string): Promise<WebServer>
  /** What is said of the awkward names when some cannot be taken from this listing. */
  readonly untaken?: RegExp
  /** Whether it shows no directory whose name it would have to encode. */
  readonly hidesFolders?: boolean
  /** Whether it lists a directory in spite of its index page. */
  readonly listsSites?: boolean
}

const require = createRequire(import.meta.url)
const local = '127.0.0.1'

const TYPED = '<Files *.html>\nForceType text/html\n</Files>'

const SERVERS: readonly Server[] = [
  {
    ...{ name: 'Apache', program: 'apache2' },
    start: (own) => startApache(own, root, ['autoindex'], `Options +Indexes\n${TYPED}`),
  },
  {
    ...{ name: 'Apache with WebDAV', program: 'apache2', listsSites: true },
    start: (own) => startApache(own, root, ['dav', 'dav_fs'], WITH_WEBDAV),
  },
  { name: 'rclone serve http', program: 'rclone', listsSites: true, start: () => startRclone('http', root) },
  {
    name: 'rclone serve webdav',
    program: 'rclone',
    listsSites: true,
    start: () => startRclone('webdav', root),
  },
  {
    ...{ name: 'lighttpd', program: 'lighttpd', listsSites: true },
    start: (own) => startLighttpd(own, root, 'dir-listing.activate = "enable"'),
  },
  { name: 'h2o', program: 'h2o', start: (own) => startH2o(own, root) },
  {
    // It encodes no '&' in links, so that '&amp;' reads '&', which it does not have.
    ...{ name: 'webfs', program: 'webfsd', listsSites: true, untaken: /^warning: web: 1 entry .*: &$/m },
    start: () => startSimple('webfsd', (port) => ['-F', '-i', local, '-p', port, '-r', root]),
  },
  {
    ...{ name: 'mini_httpd', program: 'mini_httpd' },
    start: () =>
      startSimple('mini_httpd', (port) => [
        '-D',
        '-h',
        local,
        '-p',
        port,
        '-d',
        root,
        '-u',
        userInfo().username,
      ]),
  },
  {
    // It redirects such a directory to one with two slashes, and so on.
    ...{ name: 'civetweb', program: 'civetweb', hidesFolders: true },
    start: () =>
      startSimple('civetweb', (port) => ['-document_root', root, '-listening_ports', `${local}:${port}`]),
  },
  { name: 'the web server of Python', program: 'python3', start: () => startPython(root) },
  {
    ...{ name: 'http-server', program: 'node' },
    start: () =>
      startSimple(process.execPath, (port) => [
        ...[require.resolve('http-server/bin/http-server'), root],
        ...['-s', '-c-1', '-a', local, '-p', port],
      ]),
  },
  {
    ...{ name: 'nginx in JSON', program: 'nginx', listsSites: true },
    start: (own) => startNginx(own, root, WITH_LISTINGS),
  },
  {
    ...{ name: 'nginx in XML', program: 'nginx', listsSites: true },
    start: (own) => startNginx(own, root, 'autoindex on; autoindex_format xml; index .no-index;'),
  },
  { name: 'nginx in HTML', program: 'nginx', start: (own) => startNginx(own, root, 'autoindex on;') },
  { name: 'Caddy', program: 'caddy', start: (own) => startCaddy(own, root) },
]

for (const [i, { name, program, start, untaken, hidesFolders, listsSites }] of SERVERS.entries()) {
  describe.skipIf(!hasProgram(program, `the listings of ${name}`))(`a directory and ${name}`, () => {
    let server: WebServer
    beforeAll(async () => {
      server = await start(join(scratch, `own-${i}`))
    })
    afterAll(() => server.stop())

    /** Compares files with those of a directory of the server. */
    async function check(
      directory: string,
      files: Files,
    ): Promise<Ran & { readonly marks: readonly string[] }> {
      const stage = createStage()
      writeFiles(join(stage.cwd, 'here'), files)
      const replicas = ['--replica', 'here=here', '--replica', `web=static+${server.url}/${directory}/`]
      const ran = await stage.run(['check', '--all', '--no-roll-up', '--index', 'index', ...replicas])
      return { ...ran, marks: ran.stdout.split('\n').slice(0, -1).sort() }
    }

    it('are compared by their listings, whatever the names', async () => {
      const tree = await check('tree', HERE)
      expect(tree.marks).toEqual(MARKS)
      expect([tree.status, untaken?.test(tree.stderr)]).toEqual(untaken ? [2, true] : [1, undefined])
      const folders = await check('folders', FOLDERS)
      const mark = hidesFolders ? '!' : '='
      const marks = Object.keys(FOLDERS).map((name) => `${mark} ${name}`)
      expect([folders.status, folders.marks]).toEqual([hidesFolders ? 2 : 0, marks.sort()])
    })

    it('are not the same while a listed name cannot be taken', async () => {
      const { status, marks, stderr } = await check('untaken', { good: 'x' })
      expect([status, marks]).toEqual([2, ['= good']])
      expect(stderr).toMatch(/web: 1 file with a backslash in its name could not be compared: back\\slash$/m)
    })

    it(`are ${listsSites ? '' : 'not '}compared where an index page is`, async () => {
      const { status, marks, stderr } = await check('site', { a: 'x' })
      if (listsSites) return expect([status, marks]).toEqual([1, ['- extra', '- index.html', '= a']])
      expect([status, marks]).toEqual([2, ['! a']])
      expect(stderr).toContain('the page is that of its index.html')
    })
  })
}
