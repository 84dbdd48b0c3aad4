import { rootCertificates } from 'node:tls'
import { expect, test } from 'vitest'
import { createStageWith, type Files } from '../stage.suite.ts'

const TOKEN = 'client-token-0123456789'

function createPlace(settings: string, files: Files = {}) {
  const stage = createStageWith({ 'vouch.toml': settings, ...files })
  return { ...stage, check: () => stage.run(['config', 'check', '--config', 'vouch.toml']) }
}

test('config check prints every key as it is understood, and nothing of a secret', async () => {
  const { check, cwd } = createPlace(
    `[cluster.home]
coordinator = "http://vm1:6001"
token-file = "client.token"
require = 2
notify = "https://hooks.example/a-secret"
notify-secret-file = "notify.secret"
exclude = [".DS_Store", "**/@eaDir/"]
[cluster.home.replicas]
here = "files"
nas = "http://nas:6002"
[cluster.work]
coordinator = "http://work:6001"
`,
    { 'client.token': TOKEN, 'notify.secret': 'x' },
  )
  const { status, stdout, stderr } = await check()
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toBe(`${cwd}/vouch.toml
cluster home
  replicas            here=${cwd}/files
                      nas=http://nas:6002
  coordinator         http://vm1:6001
  token-file          ${cwd}/client.token
  require             2
  notify              https://hooks.example/…
  notify-secret-file  ${cwd}/notify.secret
  exclude             .DS_Store
                      **/@eaDir/
cluster work
  coordinator  http://work:6001
`)
})

test('config check reports the only cluster as the one that commands take, and an empty file as without one', async () => {
  const only = createPlace('[cluster.home]\ncoordinator = "http://h"')
  expect((await only.check()).stdout).toContain('cluster home, which commands take without --cluster too\n')
  expect((await createPlace('').check()).stdout).toMatch(/\/vouch\.toml\nno cluster\n$/)
})

test('config check exits with 2 for a token or a certificate that cannot be used', async () => {
  const settings = (...lines: string[]) => ['[cluster.home]', 'coordinator = "http://h"', ...lines].join('\n')
  const cases: readonly (readonly [settings: string, line: RegExp])[] = [
    [settings('token-file = "gone"'), /gone/],
    [settings('notify = "http://h/"', 'notify-secret-file = "gone"'), /gone/],
    [settings('replica-token-file = "short"'), /short/],
    [settings('ca = "short"'), /short, which --ca names, does not contain a certificate/],
    [settings('client-cert = "short"'), /--client-cert needs --client-key/],
    [settings('tls-client-ca = "ca.pem"'), /--tls-client-ca needs --tls-cert/],
  ]
  for (const [text, line] of cases) {
    const { check } = createPlace(text, { short: 'abc', 'ca.pem': rootCertificates[0] ?? '' })
    const { status, stderr } = await check()
    expect([status, stderr]).toEqual([2, expect.stringMatching(line)])
    expect(stderr).toMatch(/^vouch: .*\n$/)
  }
})

test('config check exits with 2 and one line for a file that is not there, and for anything but check', async () => {
  const { run, cwd } = createPlace('')
  const env = { HOME: cwd }
  expect(await run(['config', 'check'], { env })).toMatchObject({
    status: 2,
    stderr: `vouch: there is no settings file: ${cwd}/.config/vouch/vouch.toml does not exist; --config and VOUCH_CONFIG name another\n`,
  })
  expect((await run(['config', 'check'])).stderr).toContain('neither HOME nor XDG_CONFIG_HOME says where')
  expect((await run(['config'])).stderr).toBe('vouch: config takes check, got none\n')
  expect((await run(['config', 'show'])).stderr).toBe("vouch: config takes check, got 'show'\n")
})

test('the clusters of the settings file complete --cluster', async () => {
  const { run, cwd } = createPlace(
    '[cluster.home]\ncoordinator = "http://h"\n[cluster.work]\ncoordinator = "http://w"',
  )
  const complete = async (...words: string[]) => (await run(['complete', 'fish', ...words])).stdout
  const config = ['--config', 'vouch.toml']
  expect(await complete('check', ...config, '--cluster', '')).toBe('home\t\nwork\t\n')
  expect(await complete('coordinator', `--config=${cwd}/vouch.toml`, '--cluster=w')).toBe(
    '--cluster=work\t\n',
  )
  expect(await complete('get', '--cluster', '')).toBe('')
  expect(await complete('get', '--config', 'gone', '--cluster', '')).toBe('')
  const env = { VOUCH_CONFIG: 'vouch.toml' }
  expect((await run(['complete', 'fish', 'get', '--cluster', 'h'], { env })).stdout).toBe('home\t\n')
})
