import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { UserError } from '../../node/user-error.ts'
import { parseSettings } from './settings.ts'

const path = '/etc/vouch/vouch.toml'

const parse = (text: string) => parseSettings({ path, text })

/** A cluster with these lines, and two replicas. */
const cluster = (...lines: readonly string[]) =>
  ['[cluster.home]', ...lines, '[cluster.home.replicas]', 'a = "/a"', 'b = "/b"'].join('\n')

test('the example in docs/settings.md is valid, and has every key', async () => {
  const document = readFileSync(fileURLToPath(new URL('../../../docs/settings.md', import.meta.url)), 'utf8')
  const [example = ''] = /(^ {4}.*\n|^\n)+/m.exec(document.slice(document.indexOf('\n'))) ?? []
  const { clusters } = await parse(example)
  expect(clusters).toEqual([
    {
      path,
      name: 'home',
      texts: {
        notify: ['https://hooks.example/vouch'],
        verify: ['30d'],
        notifySecretFile: ['/etc/vouch/notify.secret'],
        coordinator: ['https://vm1.example:6001'],
        tokenFile: ['/etc/vouch/client.token'],
        replicaTokenFile: ['/etc/vouch/replica.token'],
        ca: ['/etc/vouch/ca.pem'],
        clientCert: ['/etc/vouch/client.pem'],
        clientKey: ['/etc/vouch/client.key'],
        tlsCert: ['/etc/vouch/server.pem'],
        tlsKey: ['/etc/vouch/server.key'],
        tlsClientCa: ['/etc/vouch/ca.pem'],
        require: ['majority'],
        key: ['/etc/vouch/nas.key.pub', '/etc/vouch/vm.key.pub'],
        replica: [
          'vm1=/srv/files',
          'nas=https://nas.example:6002',
          'bucket=s3://backup/files?region=eu-central-1',
        ],
      },
      excluded: ['.DS_Store', 'Thumbs.db', '**/@eaDir/'],
    },
    { path, name: 'work', texts: { coordinator: ['http://127.0.0.1:7001'] }, excluded: [] },
  ])
})

test('relative paths start at the directory of the file, and targets that are no paths stay as they are', async () => {
  const [home] = (
    await parse(`
      [cluster.home]
      ca = "../tls/ca.pem"
      [cluster.home.replicas]
      a = "files"
      b = "file:///srv/b"
      c = "static+https://mirror.example/files/"
      d = "a=b"
    `)
  ).clusters
  expect(home?.texts).toEqual({
    ca: ['/etc/tls/ca.pem'],
    replica: ['a=/etc/vouch/files', 'b=/srv/b', 'c=static+https://mirror.example/files/', 'd=/etc/vouch/a=b'],
  })
})

test('a file may be empty, and require may be a number', async () => {
  expect((await parse('')).clusters).toEqual([])
  expect((await parse('# nothing yet\n[cluster]')).clusters).toEqual([])
  expect((await parse(cluster('require = 2'))).clusters[0]?.texts['require']).toEqual(['2'])
})

test.each([
  ['[cluster.home]\nrequire = all', ', line 2, column 11: not valid TOML: '],
  ['[cluster.home]\nca = "a"\nca = "b"', ', line 3, column '],
  ['[cluster.home', ', line 1, column '],
  ['clusters = 1', " has no key 'clusters'; did you mean 'cluster'?"],
  ['[notify]', " has no key 'notify'; it takes only cluster"],
  ['cluster = "home"', ': cluster takes a table of clusters, [cluster.NAME], got a text'],
  ['[[cluster]]', ': cluster takes a table of clusters, [cluster.NAME], got an array'],
  ['[cluster]\nhome = "http://h"', ': [cluster.home] takes a table, got a text'],
  [
    '[cluster."my home"]',
    ": the name of a cluster takes a letter and up to 63 letters, digits, '.', '_' or '-', got 'my home'",
  ],
  ['[cluster.home]', ': [cluster.home] needs a coordinator, or replicas in [cluster.home.replicas]'],
  ['[cluster.home.replicas]', ': [cluster.home] needs a coordinator, or replicas in [cluster.home.replicas]'],
  ['[cluster.home]\nexclude = [".DS_Store"]', ': [cluster.home] needs a coordinator'],
  [cluster('exlude = []'), ": [cluster.home] has no key 'exlude'; did you mean 'exclude'?"],
  [
    cluster('secret = "s3cr3t"'),
    /: \[cluster\.home\] has no key 'secret'; it takes replicas, exclude, keys, coordinator, (?!.*s3cr3t)/,
  ],
  [cluster('token_file = "x"'), ": [cluster.home] has no key 'token_file'; did you mean 'token-file'?"],
  [cluster('__proto__ = "x"'), ": [cluster.home] has no key '__proto__'"],
  [cluster('token-file = 5'), ': token-file of [cluster.home] takes a text in quotes, got a number'],
  [cluster('token-file = ""'), ': token-file of [cluster.home] takes a text in quotes, got an empty text'],
  [cluster('ca = ["x"]'), ': ca of [cluster.home] takes a text in quotes, got an array'],
  [cluster('ca = 1979-05-27'), ': ca of [cluster.home] takes a text in quotes, got a date'],
  [cluster('ca = true'), ': ca of [cluster.home] takes a text in quotes, got true or false'],
  [
    cluster('verify = "monthly"'),
    ': verify of [cluster.home] takes a duration above 0: seconds, or a number',
  ],
  [cluster('require = 1.5'), ': require of [cluster.home] takes a text in quotes, got a number'],
  [
    cluster('require = "some"'),
    ": require of [cluster.home] takes all, majority or a number from 1 up, got 'some'",
  ],
  [cluster('require = 0'), ": require of [cluster.home] takes all, majority or a number from 1 up, got '0'"],
  [
    cluster('require = 3'),
    ": require of [cluster.home] takes all, majority or a number from 1 to 2, got '3'",
  ],
  [
    cluster('coordinator = "http://me:secret@h"'),
    /: coordinator of \[cluster\.home\] takes an http or https URL .*, got 'http:\/\/…@h'$/,
  ],
  [
    cluster('exclude = ".DS_Store"'),
    ': exclude of [cluster.home] takes an array of globs in quotes, got a text',
  ],
  [cluster('exclude = [5]'), ': exclude of [cluster.home] takes an array of globs in quotes, got an array'],
  [
    cluster(`exclude = [${'"x",'.repeat(65)}]`),
    ': exclude of [cluster.home] takes 64 globs at most, of 256 characters at most and 2048 together, got 65',
  ],
  [
    '[cluster.home]\nreplicas = ["a=/a"]',
    ': replicas of [cluster.home] takes a table of targets by their ids, got an array',
  ],
  [
    '[cluster.home.replicas]\na = 5',
    ': replicas of [cluster.home]: a takes a target in quotes, got a number',
  ],
  [
    '[cluster.home.replicas]\n"../a" = "/a"',
    ": replicas of [cluster.home]: an id takes a letter and up to 63 letters, digits, '.', '_' or '-', got '../a'",
  ],
  [
    '[cluster.home.replicas]\na = "ftp://h"',
    /: replicas of \[cluster\.home\] takes ID=TARGET, such as \S+, got 'a=ftp:\/\/h'; ID is .*; TARGET is /,
  ],
])('%j is refused in one line', async (text, message) => {
  const refused = parse(text).catch((error) => error)
  expect(await refused).toBeInstanceOf(UserError)
  const { message: line } = await refused
  expect(line.startsWith(path)).toBe(true)
  expect(line).not.toMatch(/\n|secret@/)
  if (typeof message === 'string') expect(line).toContain(message)
  else expect(line).toMatch(message)
})
