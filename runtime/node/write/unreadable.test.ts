import { execFile, execFileSync } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { toBytes } from '../../../functions/storage/suite/set-up.suite.ts'
import type { SurveyLine } from '../../../functions/storage/survey/survey.ts'
import { asNobody, createTestDirectory, openStorage, type TestDirectory } from '../directory-setup.suite.ts'
import type { DirectoryStorage } from '../directory-storage.ts'
import { readTokens } from '../http/tokens.ts'
import { FILES_CHECK_MS } from '../limits.ts'
import { readAwsSettings } from '../objects/aws-settings.ts'

let directory: TestDirectory
let storage: DirectoryStorage

beforeEach(async () => {
  directory = await createTestDirectory()
  await directory.write('dir/file', toBytes('1'))
  storage = openStorage(directory.root, { writable: true })
  await chmod(directory.root, 0o755)
})
afterEach(() => directory.close())

/** Runs `run` as a user with only the rights that `mode` gives to others on the directory `path`. */
async function withMode<T>(path: string, mode: number, run: () => Promise<T>): Promise<T> {
  await chmod(path, mode)
  try {
    return await asNobody(run)
  } finally {
    await chmod(path, 0o755)
  }
}

describe('a file that a user may not read is never reported as absent', () => {
  it('a listing fails in a directory that may be read but not searched', async () => {
    const listing = withMode(join(directory.root, 'dir'), 0o744, () => storage.list())
    await expect(listing).rejects.toMatchObject({
      code: 'unreadable',
      message: 'cannot be read: permission denied (EACCES)',
    })
  })

  it('an audit reports an error in a directory that may be read but not searched', async () => {
    const survey = { ranges: [{ after: '', until: null }], prefix: '', grain: 0, maxAge: null }
    const lines: SurveyLine[] = []
    await withMode(join(directory.root, 'dir'), 0o744, async () => {
      for await (const line of storage.survey?.({ ...survey, match: [], exclude: [] }) ?? []) lines.push(line)
    })
    expect(lines).toContainEqual({ name: 'dir/file', said: expect.objectContaining({ code: 'unreadable' }) })
  })

  it('a search for kept contents fails without rights to their directory', async () => {
    await directory.write('.vouch/kept/x', toBytes('kept'))
    await chmod(join(directory.root, '.vouch'), 0o700)
    expect(await findAsOther(directory.root)).toBe('unreadable: cannot be read: permission denied (EACCES)')
    await chmod(join(directory.root, '.vouch'), 0o755)
    expect(await findAsOther(directory.root)).toBe('kept')
  })

  it('a path longer than the system accepts is unreadable', async () => {
    const segment = 'd'.repeat(250)
    const top = join(directory.root, ...Array(14).fill(segment))
    const parent = join(top, segment, segment)
    await mkdir(parent, { recursive: true })
    execFileSync('sh', ['-c', `printf deep > ${segment}`], { cwd: parent })
    const deep = openStorage(top)
    try {
      await expect(deep.describe([`${segment}/${segment}/${segment}`])[0]).rejects.toMatchObject({
        code: 'unreadable',
        message: 'cannot be read: name too long (ENAMETOOLONG)',
      })
      await expect(deep.list()).rejects.toMatchObject({ code: 'unreadable' })
    } finally {
      execFileSync('rm', [segment], { cwd: parent })
    }
  })

  it('unreadable credentials are refused, and their file is named', async () => {
    const path = join(directory.root, 'credentials')
    await writeFile(path, '[default]\naws_access_key_id = a\naws_secret_access_key = b\n', { mode: 0o600 })
    await asNobody(async () => {
      expect(() => readAwsSettings({ AWS_SHARED_CREDENTIALS_FILE: path })).toThrow(
        `cannot read ${path}: permission denied`,
      )
    })
  })

  it('tokens stay as they were when their file becomes unreadable, and this is reported', async () => {
    const token = 'x'.repeat(16)
    const path = join(directory.root, 'dir', 'tokens')
    await writeFile(path, token)
    const notices: string[] = []
    const tokens = readTokens(path, (line) => notices.push(line))
    await withMode(join(directory.root, 'dir'), 0o700, async () => {
      const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + FILES_CHECK_MS)
      onTestFinished(() => clock.mockRestore())
      expect(tokens.allow(`Bearer ${token}`)).toBe(true)
    })
    expect(notices).toEqual([expect.stringContaining(`the tokens stay as they were: cannot read tokens`)])
  })
})

/** The shelves of kept contents that a process of another user finds. */
async function findAsOther(root: string): Promise<string> {
  const program = `
    const { findShelves } = await import(process.argv[1])
    if (process.getuid() === 0) process.setuid(65534)
    try {
      console.log(findShelves({ path: process.argv[2], device: 0n }).join())
    } catch ({ code, message }) {
      console.log(code + ': ' + message)
    }
  `
  const module = new URL('kept-place.ts', import.meta.url).href
  const args = ['--input-type=module', '-e', program, module, root]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return stdout.trim()
}
