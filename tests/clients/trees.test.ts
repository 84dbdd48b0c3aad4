import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { globSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { finish } from '../../runtime/cli/process.suite.ts'
import { isInstalled } from '../operating/operating.suite.ts'
import { openStage, type Stage, start } from './stage.suite.ts'

// Programs that read trees of files through a coordinator.

const PROGRAMS = ['apt-get', 'dpkg-deb', 'gpg', 'git', 'wget', 'lftp', 'rclone']
const missing = PROGRAMS.filter((program) => !isInstalled(program))
if (missing.length > 0) console.warn(`NOT TESTED without ${missing.join(', ')}`)
const isHere = (...programs: string[]) => programs.every((program) => !missing.includes(program))

const PATIENCE_MS = 120_000
let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage?.close())

/** Runs a program in the folder; its exit status, and all that it printed. */
async function run(folder: string, program: string, ...args: string[]) {
  const { status, said } = await finish(start(program, args, folder, PATIENCE_MS))
  return { status, said: said.join('') }
}

const makeFolder = () => mkdtempSync(join(stage.root, 'client-'))

/** Writes all files below a folder into both replicas, below `prefix`. */
function publish(folder: string, prefix: string): void {
  for (const name of globSync('**', { cwd: folder, withFileTypes: true }))
    if (name.isFile()) {
      const path = join(name.parentPath, name.name)
      stage.write(prefix + path.slice(folder.length + 1), readFileSync(path))
    }
}

/** The files below a folder, by name. */
function readTree(folder: string): Map<string, string> {
  const files = globSync('**', { cwd: folder, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map(({ parentPath, name }) => join(parentPath, name)).toSorted()
  return new Map(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, 'base64')]))
}

describe.skipIf(!isHere('apt-get', 'dpkg-deb', 'gpg'))('apt', () => {
  const UPDATE = ['update', '-o', 'APT::Update::Error-Mode=any']
  const NAMES = ['InRelease', 'Packages', 'tiny_1_all.deb'] as const
  let made: string

  beforeAll(() => {
    made = makeFolder()
    const tiny = join(made, 'tiny')
    mkdirSync(join(tiny, 'DEBIAN'), { recursive: true })
    mkdirSync(join(tiny, 'usr/share/tiny'), { recursive: true })
    writeFileSync(join(tiny, 'usr/share/tiny/data'), 'tiny')
    const fields = ['Package: tiny', 'Version: 1', 'Architecture: all', 'Maintainer: T <t@example.org>']
    writeFileSync(join(tiny, 'DEBIAN/control'), `${[...fields, 'Description: tiny'].join('\n')}\n`)
    execFileSync('dpkg-deb', ['--build', tiny, join(made, NAMES[2])], { stdio: 'ignore' })
    const deb = readFileSync(join(made, NAMES[2]))
    const sha = (path: string) => execFileSync('sha256sum', [path], { encoding: 'utf8' }).slice(0, 64)
    const index = [...fields, 'Description: tiny', `Filename: ./${NAMES[2]}`, `Size: ${deb.length}`]
    writeFileSync(
      join(made, 'Packages'),
      `${[...index, `SHA256: ${sha(join(made, NAMES[2]))}`].join('\n')}\n`,
    )
    const packages = readFileSync(join(made, 'Packages'))
    const release = ['Origin: test', 'Date: Sat, 28 Nov 2026 00:00:00 UTC', 'SHA256:']
    const line = ` ${sha(join(made, 'Packages'))} ${packages.length} Packages`
    writeFileSync(join(made, 'Release'), `${[...release, line].join('\n')}\n`)
    const home = ['--homedir', made, '--batch', '--passphrase', '', '--pinentry-mode', 'loopback']
    const gpg = (...args: string[]) =>
      execFileSync('gpg', [...home, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
    try {
      gpg('--quick-gen-key', 't@example.org', 'ed25519', 'sign', 'never')
      gpg('-o', join(made, 'key.gpg'), '--export')
      gpg('-o', join(made, 'InRelease'), '--clearsign', join(made, 'Release'))
    } finally {
      execFileSync('gpgconf', ['--homedir', made, '--kill', 'gpg-agent'])
    }
  })

  /** A repository of its own, and an apt with no other, that keeps all its state in a folder. */
  function openRepository() {
    const folder = makeFolder()
    const prefix = `${folder.slice(stage.root.length + 1)}/`
    for (const name of NAMES) stage.write(prefix + name, readFileSync(join(made, name)))
    for (const path of ['state/lists/partial', 'cache/archives/partial', 'etc', 'empty'])
      mkdirSync(join(folder, path), { recursive: true })
    writeFileSync(join(folder, 'status'), '')
    writeFileSync(
      join(folder, 'sources'),
      `deb [signed-by=${join(made, 'key.gpg')}] ${stage.url}/files/${prefix} ./\n`,
    )
    const settings = {
      ...{ 'Dir::State': join(folder, 'state'), 'Dir::State::status': join(folder, 'status') },
      ...{ 'Dir::Cache': join(folder, 'cache'), 'Dir::Etc::sourcelist': join(folder, 'sources') },
      ...{ 'Dir::Etc::sourceparts': join(folder, 'empty'), 'Dir::Etc::parts': join(folder, 'empty') },
      ...{ 'APT::Sandbox::User': 'root', 'Acquire::http::Proxy': 'false', 'Acquire::Retries': '0' },
    }
    const options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])
    return {
      folder,
      differ: (name: string) => stage.write(prefix + name, randomBytes(300), ['server2']),
      apt: (...args: string[]) => run(folder, 'apt-get', ...options, ...args),
      download: (...args: string[]) =>
        run(folder, 'apt-get', ...options, '-y', '-q', '--download-only', 'install', 'tiny', ...args),
    }
  }

  it('updates and fetches a package', async () => {
    const { folder, apt, download } = openRepository()
    expect(await apt(...UPDATE)).toMatchObject({ status: 0 })
    expect(await download()).toMatchObject({ status: 0 })
    expect(readFileSync(join(folder, 'cache/archives', NAMES[2]))).toEqual(readFileSync(join(made, NAMES[2])))
  })

  it.each([
    ['InRelease', true],
    ['Packages', false],
  ])(
    'fails where the copies of %s differ, if every error counts; updated before: %s',
    async (name, before) => {
      const { differ, apt } = openRepository()
      if (before) expect(await apt(...UPDATE)).toMatchObject({ status: 0 })
      differ(name)
      const { status, said } = await apt(...UPDATE)
      expect(said).toContain('409')
      expect(status).toBe(100)
    },
  )

  it('fails where the copies of a package differ', async () => {
    const { folder, differ, apt, download } = openRepository()
    await apt(...UPDATE)
    differ(NAMES[2])
    const { status, said } = await download()
    expect(status).toBe(100)
    expect(said).toContain('409')
    expect(globSync('cache/archives/*.deb', { cwd: folder })).toEqual([])
  })
})

describe.skipIf(!isHere('git'))('git over dumb HTTP', () => {
  let source: string
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', source, '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
      encoding: 'utf8',
    })

  beforeAll(() => {
    source = makeFolder()
    git('init', '-q', '-b', 'main')
    for (const content of ['one', 'two']) {
      writeFileSync(join(source, 'file'), content)
      git('add', 'file')
      git('commit', '-qm', content)
    }
    git('update-server-info')
  })

  it('clones what the copies agree on', async () => {
    publish(join(source, '.git'), 'agreeing.git/')
    const folder = makeFolder()
    expect(await run(folder, 'git', 'clone', '-q', `${stage.url}/files/agreeing.git`, 'clone')).toMatchObject(
      { status: 0 },
    )
    expect(readFileSync(join(folder, 'clone/file'), 'utf8')).toBe('two')
  })

  it('fails where the copies of an object differ', async () => {
    publish(join(source, '.git'), 'differing.git/')
    const object = git('rev-parse', 'HEAD:file').trim()
    stage.write(`differing.git/objects/${object.slice(0, 2)}/${object.slice(2)}`, randomBytes(30), [
      'server2',
    ])
    const folder = makeFolder()
    expect(
      (await run(folder, 'git', 'clone', '-q', `${stage.url}/files/differing.git`, 'clone')).status,
    ).toBe(128)
  })
})

describe('a tree of 1,000 files, one of which differs', () => {
  const DIFFERS = 'd3/f 42&.bin'
  const tree = new Map<string, Buffer>()

  beforeAll(() => {
    for (let i = 0; i < 1000; i++) tree.set(`d${i % 10}/f ${Math.floor(i / 10)}&.bin`, randomBytes(i * 7))
    for (const [name, content] of tree) stage.write(`tree/${name}`, content)
    stage.write(`tree/${DIFFERS}`, randomBytes(10), ['server2'])
  })

  const url = () => `${stage.url}/files/tree/`

  const WGET = '-q -r -np -nH --cut-dirs=2 -P got --reject-regex [?] -R index.html*'
  const ways = [
    ['wget', 8, () => [...WGET.split(' '), url()]],
    ['lftp', 1, () => ['-c', `set net:max-retries 1; mirror ${url()} got`]],
    ['rclone', 1, () => ['copy', '--retries=1', '--http-no-head', '--http-url', url(), ':http:', 'got']],
  ] as const

  it.each(ways.filter(([program]) => isHere(program)))(
    '%s copies the rest, and fails with %i',
    async (program, failure, toArgs) => {
      const folder = makeFolder()
      const { status, said } = await run(folder, program, ...toArgs())
      const got = readTree(join(folder, 'got'))
      const rest = [...tree].filter(([name]) => name !== DIFFERS)
      expect([...got.keys()]).toEqual(rest.map(([name]) => name).toSorted())
      for (const [name, content] of rest) expect(got.get(name)).toBe(content.toString('base64'))
      expect([status, said]).toEqual([failure, expect.anything()])
    },
  )

  it.skipIf(!isHere('rclone'))(
    'rclone leaves out in silence a file whose HEAD fails, unless told to send none',
    async () => {
      const folder = makeFolder()
      const { status } = await run(folder, 'rclone', 'copy', '--http-url', `${url()}d3/`, ':http:', 'got')
      expect([status, readTree(join(folder, 'got')).size]).toEqual([0, 99])
    },
  )
})
