import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { createMemoryStorage } from '../../../functions/storage/memory.ts'
import { finish, startServer, startVouch } from '../process.suite.ts'
import { createStageWith, type Files, type Stage, startCoordinator } from '../stage.suite.ts'

const TOKEN = 'client-token-0123456789'

/** A stage with two replicas that differ, and with this settings file where `env` has it found. */
function createPlace(settings: string, files: Files = {}) {
  const stage = createStageWith({
    ...{ 'a/f': '1', 'a/.DS_Store': '1', 'b/f': '2', 'b/.DS_Store': '2', 'b/d/.DS_Store': '2' },
    'config/vouch/vouch.toml': settings,
    ...files,
  })
  const env = { XDG_CONFIG_HOME: join(stage.cwd, 'config'), XDG_CACHE_HOME: join(stage.cwd, 'cache') }
  const run: Stage['run'] = (args, io = {}) => stage.run(args, { ...io, env: { ...env, ...io.env } })
  return { ...stage, env, run }
}

const HOME = `
[cluster.home]
exclude = [".DS_Store"]
[cluster.home.replicas]
a = "../../a"
b = "../../b"
`

/** A coordinator of one file, which accepts only these tokens; its address, and the tokens it was sent. */
async function startGuarded(content: string, ...accepted: (string | null)[]) {
  const sent: (string | null)[] = []
  const isAllowed = ({ headers }: { readonly headers: Headers }) => {
    sent.push(headers.get('Authorization')?.replace('Bearer ', '') ?? null)
    return accepted.length === 0 || accepted.includes(sent.at(-1) ?? null)
  }
  const [, url = ''] = await startCoordinator({ x: createMemoryStorage({ f: content }) }, { isAllowed })
  return { url, sent }
}

test('every command that asks compares the replicas of the only cluster', async () => {
  const { run, read } = createPlace(HOME)
  const { status, stdout, stderr } = await run(['check'])
  expect([status, stdout]).toEqual([1, '* f\n'])
  expect(stderr).toContain('not compared, by the settings: .DS_Store\n')
  expect((await run(['get', 'f', '-o', 'got'])).status).toBe(1)
  expect(read('b_version')).toBe('2')
  expect((await run(['explain', 'f'])).stdout).toContain('a')
  const plan = await run(['plan', '--keep', 'b'])
  expect(JSON.parse(plan.stdout)).toMatchObject({ steps: [{ name: 'f', to: 'a' }] })
  expect((await run(['apply', '-'], { stdin: Readable.from([plan.stdout]) })).stderr).toContain(
    'add --writable',
  )
  expect((await run(['apply', '-', '--writable'], { stdin: Readable.from([plan.stdout]) })).status).toBe(0)
  expect(read('a/f')).toBe('2')
  expect((await run(['restore'])).stdout).toMatch(/^a .* f$/m)
})

test('a folder is received without what is excluded, and an excluded file by its name', async () => {
  const { run, files } = createPlace(HOME)
  expect((await run(['get', 'd/', '-o', 'out'])).stderr).toContain(
    "no replica that answered has a file below 'd/'",
  )
  expect((await run(['get', 'd/.DS_Store', '-o', 'got'])).status).toBe(0)
  expect(files()).toContain('got')
})

test('names that .vouchignore in a directory of this machine matches are not compared, and that is said', async () => {
  const ignored = {
    'b/.vouchignore': '# of editors\n\n  *.tmp\n@eaDir/\n',
    'b/f.tmp': '2',
    'b/@eaDir/x': '2',
  }
  const { run, write } = createPlace(HOME, ignored)
  const { stdout, stderr } = await run(['check', '--no-roll-up'])
  expect(stdout).toBe('- .vouchignore\n* f\n')
  expect(stderr).toContain('not compared, by the settings: .DS_Store, *.tmp, @eaDir/\n')
  write({ 'b/.vouchignore': 'x\n'.repeat(40_000) })
  const large = await run(['check', '--no-roll-up'])
  expect(large.stdout).toBe('- .vouchignore\n- @eaDir/x\n* f\n- f.tmp\n')
  expect(large.stderr).toContain(
    'warning: .vouchignore of b excludes nothing, since it cannot be read: it has more than 65536 bytes\n',
  )
})

test('among several clusters one has to be chosen, by a name that there is', async () => {
  const { run, cwd } = createPlace(`${HOME}[cluster.work]\ncoordinator = "http://127.0.0.1:9"`)
  const path = join(cwd, 'config/vouch/vouch.toml')
  expect(await run(['check'])).toMatchObject({
    status: 2,
    stderr: `vouch: ${path} has 2 clusters; choose one with --cluster: home, work\n`,
  })
  expect((await run(['check', '--cluster', 'wrk'])).stderr).toBe(
    `vouch: ${path} has no cluster 'wrk'; there is: home, work\n`,
  )
  expect((await run(['check', '--cluster', 'home'])).status).toBe(1)
  expect((await run(['check', '--cluster', 'work'])).stderr).toContain('http://127.0.0.1:9')
  expect((await run(['coordinator'])).stderr).toContain('choose one with --cluster')
  expect((await run(['coordinator', '--cluster', 'work'])).stderr).toBe(
    `vouch: ${path}: [cluster.work] names no replicas to compare; name them in [cluster.work.replicas], or with --replica\n`,
  )
})

test('replicas or a coordinator that are given leave the file unread', async () => {
  const { run } = createPlace('this is not TOML')
  const [, url = ''] = await startCoordinator({ x: createMemoryStorage({ f: 'x' }) })
  expect((await run(['check', '--replica', 'a=a', '--replica', 'b=b'])).status).toBe(1)
  expect((await run(['get', 'f', '-o', 'x', '--coordinator', url])).status).toBe(0)
  expect((await run(['get', 'f', '-o', 'y'], { env: { VOUCH_COORDINATOR: url } })).status).toBe(0)
  expect((await run(['get', 'f'])).stderr).toMatch(/vouch\.toml, line 1, column \d+: not valid TOML/)
})

test('VOUCH_COORDINATOR is what --coordinator would be, and every flag that says whom to ask wins', async () => {
  const { run, read } = createPlace(HOME)
  const [, url = ''] = await startCoordinator({ x: createMemoryStorage({ f: 'of the coordinator' }) })
  const env = { VOUCH_COORDINATOR: url }
  expect((await run(['get', 'f', '-o', 'got'], { env })).status).toBe(0)
  expect(read('got')).toBe('of the coordinator')
  const flags = [
    ['--cluster', 'home'],
    ['--config', 'config/vouch/vouch.toml'],
    ['--replica', 'a=a', '--replica', 'b=b'],
  ]
  for (const flag of flags) expect((await run(['check', ...flag], { env })).stdout).toContain('* f\n')
  expect((await run(['check'], { env: { VOUCH_COORDINATOR: 'h:6001' } })).stderr).toMatch(
    /^vouch: VOUCH_COORDINATOR takes an http or https URL .*, got 'h:6001'\n$/,
  )
})

test('the file is that of --config, else of VOUCH_CONFIG, else the default one, and one that is named must exist', async () => {
  const other = HOME.replaceAll('home', 'other').replaceAll('../../', '')
  const { run, cwd } = createPlace(HOME, {
    'other.toml': other,
    'third.toml': other.replaceAll('other', 'third'),
  })
  const found = async (args: string[], env = {}) =>
    /^cluster (\w+)/m.exec((await run(['config', 'check', ...args], { env })).stdout)?.[1]
  expect(await found([])).toBe('home')
  expect(await found([], { VOUCH_CONFIG: '' })).toBe('home')
  expect(await found([], { VOUCH_CONFIG: 'other.toml' })).toBe('other')
  expect(await found(['--config', 'third.toml'], { VOUCH_CONFIG: 'other.toml' })).toBe('third')
  const none = { XDG_CONFIG_HOME: 'relative', HOME: join(cwd, 'nowhere') }
  expect((await run(['check', '--cluster', 'home'], { env: none })).stderr).toBe(
    `vouch: --cluster home needs a settings file, and there is no ${cwd}/nowhere/.config/vouch/vouch.toml; --config or VOUCH_CONFIG names one\n`,
  )
  for (const [args, env] of [
    [['--config', 'gone.toml'], {}],
    [[], { VOUCH_CONFIG: 'gone.toml' }],
  ] as const) {
    expect((await run(['check', ...args], { env })).stderr).toBe(
      `vouch: cannot read the settings file ${cwd}/gone.toml: no such file or directory; --config and VOUCH_CONFIG name another\n`,
    )
  }
  mkdirSync(join(cwd, 'folder'))
  expect((await run(['check', '--config', 'folder'])).stderr).toContain('illegal operation on a directory')
  expect((await run(['check', '--config', 'third.toml', '--replica', 'a=a'])).stderr).toContain(
    '--config is not read beside --replica, --coordinator or --key',
  )
})

test.skipIf(process.getuid?.() === 0)('a default file that cannot be read is an error', async () => {
  const { run, cwd } = createPlace(HOME)
  chmodSync(join(cwd, 'config/vouch/vouch.toml'), 0)
  expect((await run(['check'])).stderr).toContain('vouch.toml: permission denied')
})

test('compiled code is not cached inside a replica that only the file names', async () => {
  const { cwd, env, files } = createPlace(HOME)
  const { NODE_COMPILE_CACHE: _, ...others } = process.env
  const inside = { ...others, ...env, XDG_CACHE_HOME: join(cwd, 'a') }
  const { status, said } = await finish(startVouch(['check'], cwd, [], inside))
  expect([status, said[0]]).toEqual([1, '* f\n'])
  expect(said[1]).toContain(`warning: ${cwd}/a/vouch is inside the replica a`)
  expect(existsSync(join(cwd, 'a/vouch'))).toBe(false)
  await finish(startVouch(['check'], cwd, [], { ...inside, XDG_CACHE_HOME: cwd }))
  expect(files()).toContain('vouch')
})

test('a client sends the token of what it asks: of the coordinator, or of the replicas', async () => {
  const { url, sent } = await startGuarded('1')
  const { run } = createPlace(
    `[cluster.home]
coordinator = "${url}"
token-file = "client.token"
replica-token-file = "replica.token"
require = 1
[cluster.home.replicas]
a = "../../a"
b = "${url}"`,
    { 'config/vouch/client.token': TOKEN, 'config/vouch/replica.token': 'replica-token-0123456789' },
  )
  const tokens = async (args: string[], env = {}) => {
    sent.splice(0)
    await run(['get', 'f', '-o', 'got', ...args], { env })
    return [...new Set(sent)]
  }
  expect(await tokens([])).toEqual([TOKEN])
  expect(await tokens([], { VOUCH_TOKEN: 'variable-token-0123456789' })).toEqual([
    'variable-token-0123456789',
  ])
  expect(await tokens(['--cluster', 'home', '--replica', 'x=a', '--replica', `y=${url}`])).toEqual([
    'replica-token-0123456789',
  ])
  expect(await tokens(['--coordinator', url])).toEqual([null])
})

test('a client sends the globs of its file to a coordinator that has others', async () => {
  const memory = () => createMemoryStorage({ '.DS_Store': '1', 'd/.DS_Store': '1', f: '1' })
  const [, url = ''] = await startCoordinator(
    { x: createMemoryStorage(), y: memory() },
    { exclude: ['*.tmp'] },
  )
  const { run, files } = createPlace(`[cluster.home]\ncoordinator = "${url}"\nexclude = [".DS_Store"]`)
  const { stdout, stderr } = await run(['check', '--exclude', 'x'])
  expect(stdout).toBe('- f\n')
  expect(stderr).toContain('not compared, by the settings: *.tmp, .DS_Store\n')
  expect(JSON.parse((await run(['plan'])).stdout)).toMatchObject({ steps: [{ name: 'f' }] })
  await run(['get', '--match', '**', '-o', 'out'])
  expect(files()).toContain('out')
  expect((await run(['get', 'd/', '-o', 'out'])).status).toBe(2)
})

test('a certificate that is given is not paired with a key of the file', async () => {
  const { run } = createPlace(
    '[cluster.home]\ncoordinator = "https://127.0.0.1:9"\nclient-cert = "c"\nclient-key = "k"',
  )
  expect((await run(['check', '--cluster', 'home', '--client-cert', 'other.pem'])).stderr).toBe(
    'vouch: --client-cert needs --client-key\n',
  )
})

test('a coordinator takes its replicas, tokens and exclusions from the file, and its clients do too', async () => {
  const { cwd, env, run, write } = createPlace('', { 'config/vouch/client.token': TOKEN })
  const settings = HOME.replace('exclude', 'token-file = "client.token"\nrequire = "all"\nexclude')
  write({ 'vouch.toml': settings.replaceAll('../../', '').replace('client', 'config/vouch/client') })
  const server = await startServer(['coordinator', '--cluster', 'home', '--config', 'vouch.toml'], cwd)
  onTestFinished(server.stop)
  expect(server.banner).toContain(`comparing a=${cwd}/a, b=${cwd}/b`)
  const asked = await run(['check', '--coordinator', server.url, '--token-file', 'config/vouch/client.token'])
  expect([asked.status, asked.stdout]).toEqual([1, '* f\n'])
  expect(asked.stderr).toContain('not compared, by the settings: .DS_Store\n')
  expect((await fetch(`${server.url}/replicas`)).status).toBe(401)
  write({
    'config/vouch/vouch.toml': `[cluster.home]\ncoordinator = "${server.url}"\ntoken-file = "client.token"`,
  })
  expect((await run(['check'])).stdout).toBe('* f\n')
  expect(env.XDG_CONFIG_HOME).toContain(cwd)
})
