import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

// Shows which attributes of a file are preserved: `npm run show:attributes`, as root, for only root may give
// files away. One tree is a directory, the other is served by a replica server of its own process; tables
// before and after plan and apply, a replacement, a restore and a get. Debian's `attr` and `acl` set and read
// attributes.

const VOUCH = fileURLToPath(new URL('../runtime/cli/vouch.ts', import.meta.url))

if (process.geteuid?.() !== 0) throw new Error('show:attributes gives files to other users: run it as root')
const stage = realpathSync(mkdtempSync(join(tmpdir(), 'vouch-')))
process.env['XDG_CACHE_HOME'] = join(stage, 'cache')
let server: ChildProcess | undefined
try {
  makeTree()
  const args = ['replica', 'b', '--id', 'server2', '--writable', '--open', '--port', '0']
  server = spawn(process.execPath, [VOUCH, ...args], { cwd: stage, stdio: ['ignore', 'pipe', 'ignore'] })
  show(['--replica', 'server1=a', '--replica', `server2=${await readUrl(server)}`])
} finally {
  if (server?.kill()) await once(server, 'close')
  rmSync(stage, { recursive: true, force: true })
}

/** The address that a server prints. */
async function readUrl({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error('the replica server has no standard output')
  const [banner] = await once(createInterface({ input: stdout }), 'line')
  const [url] = /http:\/\/[\d.]+:\d+/.exec(String(banner)) ?? []
  if (url === undefined) throw new Error(`the replica server did not start: ${banner}`)
  return url
}

function makeTree(): void {
  for (const directory of ['a/team', 'a/closed/deep', 'a/plain', 'b/team', 'out'])
    mkdirSync(join(stage, directory), { recursive: true })
  write('a/plain/read.txt', { mode: 0o644 })
  write('a/closed/deep/secret.key', { mode: 0o600 })
  write('a/tool.sh', { mode: 0o4755, owner: 1234, text: 'new tool' })
  write('b/tool.sh', { mode: 0o6750, owner: 4321, text: 'old tool', attributes: true })
  write('a/report.txt', { mode: 0o664, text: 'new report' })
  write('b/report.txt', { mode: 0o640, owner: 4321, text: 'old report', attributes: true })
  write('a/team/minutes.txt', { mode: 0o664 })
  const image = write('a/disk.img', { mode: 0o600 })
  truncateSync(image, 64 * 1024 * 1024)
  writeSync(openSync(image, 'r+'), Buffer.alloc(10_000, 'x'), 0, 10_000, 30_000_000)
  for (const [directory, mode] of [
    ['a/closed', 0o700],
    ['a/closed/deep', 0o750],
    ['b/team', 0o2775],
  ] as const) {
    if (mode & 0o2000) chownSync(join(stage, directory), 0, 4321)
    chmodSync(join(stage, directory), mode)
  }
  for (const name of [
    'a/plain/read.txt',
    'a/closed/deep/secret.key',
    'a/tool.sh',
    'a/report.txt',
    'a/disk.img',
  ])
    execFileSync('touch', ['-d', '2001-02-03 04:05:06.789 UTC', join(stage, name)])
  execFileSync('touch', ['-d', '1999-12-31 23:59:59.999 UTC', join(stage, 'b/report.txt')])
}

interface Look {
  readonly mode: number
  readonly owner?: number
  readonly text?: string
  readonly attributes?: boolean
}

function write(name: string, { mode, owner, text = name, attributes = false }: Look): string {
  const path = join(stage, name)
  writeFileSync(path, text)
  if (owner !== undefined) chownSync(path, owner, owner)
  if (attributes) execFileSync('setfattr', ['-n', 'user.origin', '-v', 'scanner', path])
  if (attributes) execFileSync('setfacl', ['-m', 'u:1235:r', path])
  chmodSync(path, mode)
  return path
}

function show(replicas: readonly string[]): void {
  printTable('before', 'a', 'b')
  const plan = run('plan', '--keep', 'server1', ...replicas)
  writeFileSync(join(stage, 'plan.json'), plan)
  run('apply', 'plan.json', '--writable', ...replicas)
  printTable(
    'after plan and apply: report.txt and tool.sh were replaced on b, the others are new there',
    'a',
    'b',
  )
  run('restore', 'report.txt', '--on', 'server2', '--writable', ...replicas)
  printTable('after vouch restore report.txt --on server2', 'b')
  writeFileSync(join(stage, 'plan.json'), run('plan', '--newest', ...replicas))
  run('apply', 'plan.json', '--writable', ...replicas)
  printTable(
    'after vouch plan --newest and apply: the restored report is the older one, and is replaced',
    'b',
  )
  write('out/disk.img', { mode: 0o640, owner: 4321, text: 'before', attributes: true })
  printTable('before vouch get -o', 'out')
  run('get', 'disk.img', '-o', 'out/disk.img', ...replicas)
  run('get', 'plain/read.txt', '-o', 'out/read.txt', ...replicas)
  printTable('after vouch get -o out/disk.img, which was there, and -o out/read.txt, which was not', 'out')
}

function run(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [VOUCH, ...args], {
    cwd: stage,
    encoding: 'utf8',
  })
  const shown = args[0] === 'plan' ? '' : stdout
  console.log(`$ vouch ${args.join(' ')}\n${shown}${stderr}exit status ${status}\n`)
  return stdout
}

function printTable(title: string, ...roots: readonly string[]): void {
  console.log(`--- ${title}`)
  console.log(
    'path                          mode  owner      modified                 allocated of size      attributes',
  )
  for (const root of roots) {
    const names = readdirSync(join(stage, root), { recursive: true }).map(String).sort()
    for (const name of names) if (!name.startsWith('.vouch')) console.log(toRow(`${root}/${name}`))
  }
  console.log()
}

function toRow(name: string): string {
  const path = join(stage, name)
  const stats = lstatSync(path)
  const { mode, uid, gid, mtime, blocks, size } = stats
  const isFile = stats.isFile()
  const columns = [
    (isFile ? name : `${name}/`).padEnd(29),
    (mode & 0o7777).toString(8).padStart(4),
    `${uid}:${gid}`.padEnd(10),
    (isFile ? mtime.toISOString() : '').padEnd(24),
    (isFile ? `${blocks * 512} of ${size}` : '').padEnd(22),
    readAttributes(path),
  ]
  return columns.join(' ').trimEnd()
}

function readAttributes(path: string): string {
  const read = (program: string, ...options: string[]) =>
    execFileSync(program, [...options, '--absolute-names', path], { encoding: 'utf8' }).split('\n')
  const acl = read('getfacl', '--omit-header', '--skip-base', '--numeric').filter((line) =>
    /^\w+:\d/.test(line),
  )
  return [...read('getfattr', '--dump').filter((line) => line.includes('=')), ...acl].join(' ')
}
