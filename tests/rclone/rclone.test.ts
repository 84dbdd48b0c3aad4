import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hash, toBytes } from '../../functions/storage/suite/set-up.suite.ts'
import { describeOne, expectTrouble } from '../../functions/storage/suite/suite-tools.suite.ts'
import { createStage } from '../../runtime/cli/stage.suite.ts'
import { openRcloneStorage } from '../../runtime/node/rclone/open-rclone.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'
import { type Remotes, startRemotes, toAddresses, writeTrees } from './remotes.suite.ts'

const home = createTemporaryDirectory('vouch-rclone-')
const { here, there, names, lines } = writeTrees(home.path, 30)
/** A name that is the same on both sides, and one that neither has. */
const [SAME = '', NONE] = [names[1], 'two/none']
const OLD = new Date('2026-01-01T00:00:00Z')

let remotes: Remotes | undefined

beforeAll(async () => {
  remotes = await startRemotes(home.path, there)
})

afterAll(async () => {
  await remotes?.stop()
  home.remove()
})

const getEnvironment = () => remotes?.env ?? {}

async function open(remote: string, path = '') {
  return await openRcloneStorage(
    { remote, path },
    { env: getEnvironment(), indexPath: null, onNotice: () => {} },
  )
}

function makeDirectory(name: string): string {
  const path = join(home.path, name)
  mkdirSync(path)
  return path
}

/** Runs a command with a directory, and one behind rclone. */
async function run(command: readonly string[], address: string, directory = here) {
  const replicas = ['--replica', `here=${directory}`, '--replica', `there=rclone:${address}`]
  return await createStage().run([...command, ...replicas], { env: getEnvironment() })
}

describe.each(toAddresses(there))('files on %s', (address) => {
  test('are found to differ or to be missing where they do, and are delivered', async () => {
    const { status, stdout } = await run(['check'], address)
    expect([status, stdout.trimEnd().split('\n').sort()]).toEqual([1, lines])
    const got = await run(['get', SAME, '-o', '-'], address)
    expect([got.stdout, got.stderr]).toEqual([
      `content ${SAME}`,
      expect.stringContaining('unanimous: here, there'),
    ])
    expect((await run(['get', NONE, '-o', '-'], address)).stderr).toContain('not found on any of 2 replicas')
  })
})

test('files that are read together must have the hash of the remote, and one that has not is reported', async () => {
  const chunk = join(home.path, 'chunks', `${SAME}.rclone_chunk.001`)
  const content = readFileSync(chunk)
  writeFileSync(chunk, content.toString().toUpperCase())
  try {
    const { status, stdout } = await run(['check', '--index', makeDirectory('index of chunker')], 'chunker:')
    expect([status, stdout.trimEnd().split('\n').sort()]).toEqual([2, [`! ${SAME}`, ...lines].sort()])
  } finally {
    writeFileSync(chunk, content)
  }
})

test('the marks are those of `rclone check` where that compares contents', async () => {
  const args = ['check', here, `local:${there}`, '--combined', '-']
  const { stdout } = spawnSync('rclone', args, { encoding: 'utf8', env: getEnvironment() })
  expect(
    stdout
      .trimEnd()
      .split('\n')
      .filter((line) => !line.startsWith('='))
      .sort(),
  ).toEqual(lines)
})

/** What is told of a name by the remote alone: a code, or null for a file that is missing. */
async function ask(remote: string, path: string, name: string): Promise<string | null> {
  const opened = await open(remote, path)
  try {
    return await describeOne(opened.storage, name).then(
      (facts) => facts && 'found',
      (error) => error.code,
    )
  } finally {
    await opened.close()
  }
}

describe('what rclone cannot tell from a missing file is unreachable:', () => {
  /** Renames a directory for as long as `work` takes, and leaves an empty one if it is only not mounted. */
  async function without(path: string, isMountPoint: boolean, work: () => Promise<void>): Promise<void> {
    renameSync(path, `${path}.away`)
    if (isMountPoint) mkdirSync(path)
    try {
      await work()
    } finally {
      rmSync(path, { recursive: true, force: true })
      renameSync(`${path}.away`, path)
    }
  }

  test('files of a directory that is gone', async () => {
    const opened = await open('local', there)
    expect(await describeOne(opened.storage, SAME)).not.toBeNull()
    expect(await describeOne(opened.storage, NONE)).toBeNull()
    for (const isMountPoint of [false, true]) {
      await without(there, isMountPoint, async () => {
        await expectTrouble(describeOne(opened.storage, SAME), 'unreachable')
        await expectTrouble(opened.storage.open(NONE), 'unreachable')
        await expectTrouble(opened.storage.list(), 'unreachable')
      })
    }
    expect(await describeOne(opened.storage, NONE)).toBeNull()
    await opened.close()
    await without(there, false, async () => {
      expect(await ask('alias', '', SAME)).toBe('unreachable')
      expect(await ask('webdav', '', SAME)).toBe('unreachable')
      const { status, stdout, stderr } = await run(['check'], `local:${there}`)
      expect([status, stdout]).toEqual([2, ''])
      expect(stderr).toContain('rclone finds no such directory')
    })
  })

  test('names that another password made', async () => {
    expect(await ask('otherpassword', '', SAME)).toBe('unreachable')
    const { status, stdout, stderr } = await run(['check'], 'otherpassword:')
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain('rclone cannot decrypt 2 names with its password')
  })

  test.each([
    ['union', 'disk2'],
    ['combine', 'disk2/two'],
  ])('files of a %s that has lost a part', async (remote, part) => {
    expect(await ask(remote, '', NONE)).toBeNull()
    for (const isMountPoint of [false, true]) {
      await without(join(home.path, part), isMountPoint, async () => {
        for (const name of [names[29] ?? '', NONE]) expect(await ask(remote, '', name)).toBe('unreachable')
        expect(await ask(remote, '', SAME)).toBe('found')
        expect((await run(['check'], `${remote}:`)).status).toBe(2)
      })
    }
  })

  test('two files of one name, and a server that does not answer', async () => {
    const root = join(home.path, 'below')
    const [encrypted = ''] = readdirSync(root)
    const twin = join(root, encrypted.toUpperCase())
    mkdirSync(twin)
    const { status, stdout, stderr } = await run(['check'], 'crypt:')
    rmSync(twin, { recursive: true })
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain('rclone lists two entries of one name: ')
    expect(await ask('gone', '', SAME)).toBe('unreachable')
  })

  test('names that rclone writes otherwise', async () => {
    const directory = makeDirectory('written')
    for (const name of ['\uff0e', 'a\uff0fb', 'line\nbreak', 'line\u240abreak'])
      writeFileSync(join(directory, name), name)
    const names = ['\uff0e', 'a\uff0fb', 'line\nbreak', 'line\u240abreak', 'none\nbreak']
    const told = await Promise.all(names.map((name) => ask('local', directory, name)))
    expect(told).toEqual(['unreachable', 'unreachable', 'found', 'found', null])
  })
})

test('a link and a FIFO of a disk are no files, whatever they lead to, and lose no time', async () => {
  const directory = makeDirectory('links')
  symlinkSync(join(here, SAME), join(directory, 'link'))
  symlinkSync(join(here, 'one'), join(directory, 'directory'))
  execFileSync('mkfifo', [join(directory, 'fifo')])
  for (const name of ['link', 'directory/0001', 'fifo'])
    expect(await ask('local', directory, name)).toBe('not-a-file')
})

test('a SHA-256 comes from the bytes of now; any other hash only spares reading them again', async () => {
  const directory = makeDirectory('fresh')
  const write = (text: string) => {
    writeFileSync(join(directory, 'a'), text)
    utimesSync(join(directory, 'a'), OLD, OLD)
  }
  const opened = await open('local', directory)
  for (const text of ['one', 'two']) {
    write(text)
    const digest = await hash(toBytes(text))
    expect(await describeOne(opened.storage, 'a')).toMatchObject({ digest, evidence: 'stored', age: null })
    expect(await opened.storage.describe(['a'], { maxAge: 0 })[0]).toMatchObject({ digest, evidence: 'read' })
  }
  await opened.close()
  const known = { compress: '', shell: there, webdav: '', sftp: there }
  for (const [remote, path] of Object.entries(known)) {
    const { storage, close } = await open(remote, path)
    const said = [await describeOne(storage, SAME), await describeOne(storage, SAME)]
    const hasHash = remote === 'compress' || remote === 'shell'
    expect(said.map((facts) => facts?.evidence)).toEqual(['read', hasHash ? 'remembered' : 'read'])
    await close()
  }
})

test('writing is refused with the reason, and changes nothing', async () => {
  const replicas = ['--replica', `here=${here}`, '--replica', `there=rclone:local:${there}`]
  const missing = lines.find((line) => line.startsWith('+'))?.slice(2) ?? ''
  const stage = createStage()
  const { stdout } = await stage.run(['plan', missing, ...replicas], { env: getEnvironment() })
  stage.write({ 'plan.json': stdout })
  const applied = await stage.run(['apply', 'plan.json', '--writable', ...replicas], {
    env: getEnvironment(),
  })
  expect(applied.stderr + applied.stdout).toContain('rclone writes without conditions')
  expect(existsSync(join(there, missing))).toBe(false)
})

test('an address that describes a remote is refused, and its settings are not shown', async () => {
  const { status, stderr } = await run(['check'], ':sftp,host=127.0.0.1,pass=secret:photos')
  expect([status, stderr]).toEqual([2, expect.stringContaining("got 'there=rclone::sftp,…'")])
})

test('the same directory, by itself or through an alias, is told', async () => {
  const same = await run(['check'], `local:${here}`)
  expect([same.status, same.stderr]).toEqual([2, expect.stringContaining('are the same place')])
  const replicas = ['--replica', `a=rclone:alias:one`, '--replica', `b=rclone:local:${there}`]
  const inside = await createStage().run(['check', ...replicas], { env: getEnvironment() })
  expect([inside.status, inside.stderr]).toEqual([2, expect.stringContaining('a is inside b')])
})
