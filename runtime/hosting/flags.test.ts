import { expect, test } from 'vitest'
import { readOptions } from '../cli/options/declaration.ts'
import { COORDINATOR, REPLICA } from '../cli/options/servers.ts'
import { UserError } from '../node/user-error.ts'
import { fromVariables, list, oneOf, option, readFlags, secret, TEXT, toFlagLabel, toggle } from './flag.ts'
import {
  ACCESS_FLAGS,
  RATE,
  READ_REQUIRE,
  requireReplicas,
  SOURCE_FLAGS,
  toSource,
  toTimeouts,
} from './flags.ts'
import { parseReplicaAddress } from './replica-address.ts'
import { manifest } from './stores/manifest.ts'
import { module } from './stores/module.ts'
import { rclone } from './stores/rclone.ts'
import { s3 } from './stores/s3.ts'
import { staticWeb } from './stores/static-web.ts'

type Texts = Readonly<Record<string, readonly string[]>>

const toGiven = (texts: Texts) => ({ texts, env: {}, label: toFlagLabel })

function parseServer(texts: Texts) {
  const { host, port, id } = readOptions(REPLICA, toGiven(texts))
  return { host, port, id }
}

function parseCoordinator(texts: Texts) {
  const options = readOptions(COORDINATOR, toGiven(texts))
  const { host, port, require } = options
  return {
    host,
    port,
    require,
    replicas: requireReplicas(options, toFlagLabel),
    timeouts: toTimeouts(options),
  }
}

function parseSource(texts: Texts) {
  const options = readFlags({ ...SOURCE_FLAGS, require: READ_REQUIRE }, toGiven(texts))
  return { ...toSource(options, options.require), require: options.require }
}

test('a replica listens on 127.0.0.1:6002 by default', () => {
  expect(parseServer({})).toEqual({ host: '127.0.0.1', port: 6002, id: 'replica' })
  expect(parseServer({ host: ['::'], port: ['0'], id: ['nas'] })).toEqual({ host: '::', port: 0, id: 'nas' })
})

test('a coordinator listens on 127.0.0.1:6001 by default', () => {
  expect(parseCoordinator({ replica: ['a=x', 'b=http://h:1'], require: ['2'] })).toEqual({
    host: '127.0.0.1',
    port: 6001,
    replicas: [
      { id: 'a', target: { kind: 'directory', path: 'x' } },
      { id: 'b', target: { kind: 'remote', url: 'http://h:1/' } },
    ],
    require: 2,
    timeouts: { connect: undefined, silence: undefined, answer: undefined },
  })
})

test('a client asks 127.0.0.1:6001 by default', () => {
  expect(parseSource({})).toEqual({ coordinator: 'http://127.0.0.1:6001', require: undefined })
  expect(parseSource({ coordinator: ['HTTP://Host/'], require: ['9'] })).toEqual({
    coordinator: 'http://host/',
    require: 9,
  })
  expect(parseSource({ replica: ['a=x'], require: ['all'] })).toMatchObject({
    replicas: [{ id: 'a' }],
    require: 'all',
  })
})

test('deadlines are seconds outside and milliseconds inside', () => {
  const flags = { replica: ['a=x', 'b=y'], silenceTimeout: ['0.5'], answerTimeout: ['86400'] }
  expect(parseCoordinator(flags).timeouts).toEqual({
    connect: undefined,
    silence: 500,
    answer: 86_400_000,
  })
})

test.each([
  ['server1=./server1_files', { kind: 'directory', path: './server1_files' }],
  ['a=/srv/x=y z', { kind: 'directory', path: '/srv/x=y z' }],
  // One letter before a colon is a drive on every platform; where there are none it names a directory.
  ['a=C:\\files', { kind: 'directory', path: 'C:\\files' }],
  ['a=c:/files', { kind: 'directory', path: 'c:/files' }],
  ['a=c://files', { kind: 'directory', path: 'c://files' }],
  ['a=C:files', { kind: 'directory', path: 'C:files' }],
  ['a=\\\\nas\\share\\files', { kind: 'directory', path: '\\\\nas\\share\\files' }],
  ['a=file:///srv/a%20b', { kind: 'directory', path: '/srv/a b' }],
  ['a=http://192.168.1.102:6002', { kind: 'remote', url: 'http://192.168.1.102:6002/' }],
  ['a=https://h/below/this', { kind: 'remote', url: 'https://h/below/this' }],
  [
    'a=s3://bucket/prefix?region=eu-west-1',
    { kind: 'store', scheme: s3, address: 's3://bucket/prefix?region=eu-west-1' },
  ],
  ['a=static+https://h/dir', { kind: 'store', scheme: staticWeb, address: 'static+https://h/dir' }],
  ['a=rclone:nas:photos', { kind: 'store', scheme: rclone, address: 'rclone:nas:photos' }],
  [
    'a=manifest:SHA256SUMS?root=x',
    { kind: 'store', scheme: manifest, address: 'manifest:SHA256SUMS?root=x' },
  ],
  ['a=module:./my-store.js?x=1', { kind: 'store', scheme: module, address: 'module:./my-store.js?x=1' }],
])('the address %s is parsed', (word, target) => {
  expect(parseReplicaAddress(word)).toEqual({ id: word.split('=')[0], target })
})

test.each([
  '',
  'a',
  'a=',
  '=x',
  '1a=x',
  'a/b=x',
  '..=x',
  'a=s3://key:secret@bucket/prefix',
  'a=rclone::sftp,pass=secret:photos',
  'a=r2://BINDING',
  'a=service://BINDING',
  'a=file:./x',
  'a=file://host/x',
  'a=file:///a%2Fb',
  'a=http:h',
  'a=http://',
  'a=http://user@h/',
  'a=http://user:pw@h/',
  'a=http://h/?q',
  'a=http://h/#f',
  'a=http://h/?',
])('the address %j is refused', (word) => {
  expect(parseReplicaAddress(word)).toBeNull()
})

const port = 'takes a port number from 0 to 65535'

test.each([
  [() => parseServer({ port: ['abc'] }), `--port ${port}, got 'abc'`],
  [() => parseServer({ port: ['65536'] }), `--port ${port}, got '65536'`],
  [() => parseServer({ port: ['-1'] }), `--port ${port}, got '-1'`],
  [() => parseServer({ port: ['1.5'] }), `--port ${port}, got '1.5'`],
  [() => parseServer({ port: [''] }), `--port ${port}, got ''`],
  [() => parseServer({ host: [''] }), "--host takes an address or a host name, got ''"],
  [() => parseServer({ host: ['http://h'] }), "--host takes an address or a host name, got 'http://h'"],
  [() => parseServer({ id: ['a b'] }), /^--id takes a letter and .*, got 'a b'$/],
  [() => parseCoordinator({}), '--replica takes ID=TARGET at least once, got none'],
  [
    () => parseCoordinator({ replica: ['a=x', 'a=y'] }),
    "--replica: each replica needs an id of its own, got 'a' twice",
  ],
  [
    () => parseCoordinator({ replica: ['a=x', 's3://b'] }),
    /^--replica takes ID=TARGET, such as \S+, got 's3:\/\/b'; ID is .*; TARGET is .*$/,
  ],
  [
    () => parseCoordinator({ replica: ['a=x', 'b=y'], require: ['3'] }),
    "--require takes all, majority or a number from 1 to 2, got '3'",
  ],
  [() => parseCoordinator({ replica: ['a=x', 'b=y'], require: ['0'] }), /number from 1 up, got '0'$/],
  [() => parseCoordinator({ replica: ['a=x'] }), /^one replica compares with nothing/],
  [
    () => parseCoordinator({ replica: ['a=x'], silenceTimeout: ['0'] }),
    "--silence-timeout takes a number of seconds from 0.001 to 86400, got '0'",
  ],
  [() => parseCoordinator({ replica: ['a=x'], connectTimeout: ['1e3'] }), /got '1e3'$/],
  [() => parseSource({ require: ['some'] }), /number from 1 up, got 'some'$/],
  [
    () => parseSource({ coordinator: ['h:6001'] }),
    /^--coordinator takes an http or https URL .*, got 'h:6001'$/,
  ],
  [
    () => parseSource({ coordinator: ['http://h'], replica: ['a=x'] }),
    '--coordinator and --replica exclude each other',
  ],
])('%s is refused in one line', (parse, line) => {
  expect(parse).toThrow(UserError)
  expect(parse).toThrow(line)
  expect(parse).not.toThrow(/\n/)
})

test('a refusal prints no password and no query', () => {
  const parse = () => parseCoordinator({ replica: ['a=http://user:secret@h/?token=secret'] })
  expect(parse).toThrow(/got 'a=http:\/\/…@h\/\?…';/)
  expect(parse).not.toThrow(/secret/)
})

test('a flag has its last value, a list all values, and a switch whether it is given', () => {
  const flags = { one: option('X', TEXT, ''), all: list('X', TEXT, ''), is: toggle(''), no: toggle('') }
  const texts = { one: ['a', 'b'], all: ['a', 'b'], is: ['true'] }
  expect(readFlags(flags, toGiven(texts))).toEqual({ one: 'b', all: ['a', 'b'], is: true, no: false })
})

test('a host without a command line reads the same flags from variables, and its refusals name them', () => {
  const flags = {
    replica: list('X', oneOf('a', 'b'), ''),
    maxAge: option('X', TEXT, ''),
    single: toggle(''),
    tokenFile: secret('', 'VOUCH_TOKEN'),
  }
  const read = (env: Record<string, string>) => readFlags(flags, fromVariables(flags, env))
  const env = {
    REPLICAS: 'a, b,',
    MAX_AGE: '1d',
    SINGLE: 'true',
    VOUCH_TOKEN: 's',
    TOKEN_FILE: '/etc/passwd',
  }
  const tokenFile = { variable: 'VOUCH_TOKEN', text: 's' }
  expect(read(env)).toEqual({ replica: ['a', 'b'], maxAge: '1d', single: true, tokenFile })
  expect(read({ SINGLE: '' })).toEqual({
    replica: [],
    maxAge: undefined,
    single: false,
    tokenFile: undefined,
  })
  expect(() => read({ SINGLE: 'yes' })).toThrow("SINGLE takes true or false, got 'yes'")
  expect(() => read({ REPLICAS: 'a,c' })).toThrow("REPLICAS takes a or b, got 'c'")
})

test('a flag wins over its variable, which an empty one is not, and a refusal names what was wrong', () => {
  const flags = { one: option('X', oneOf('a', 'b'), '', { variable: 'VOUCH_ONE' }) }
  const read = (texts: readonly string[], VOUCH_ONE?: string) =>
    readFlags(flags, { ...toGiven({ one: texts }), env: { VOUCH_ONE } }).one
  expect(read(['a'], 'b')).toBe('a')
  expect(read(['a'], 'wrong')).toBe('a')
  expect(read([], 'b')).toBe('b')
  expect(read([], '')).toBe(undefined)
  expect(read([])).toBe(undefined)
  expect(() => read([], 'wrong')).toThrow("VOUCH_ONE takes a or b, got 'wrong'")
})

test('a client shows VOUCH_TOKEN; a server demands VOUCH_ACCEPTED_TOKEN, and the other only for want of it', () => {
  const read = (flag: (typeof SOURCE_FLAGS | typeof ACCESS_FLAGS)['tokenFile'], env: object) =>
    readFlags({ tokenFile: flag }, { ...toGiven({}), env: { ...env } }).tokenFile
  const both = { VOUCH_TOKEN: 'shown', VOUCH_ACCEPTED_TOKEN: 'demanded' }
  expect(read(SOURCE_FLAGS.tokenFile, both)).toEqual({ variable: 'VOUCH_TOKEN', text: 'shown' })
  expect(read(SOURCE_FLAGS.tokenFile, { VOUCH_ACCEPTED_TOKEN: 'demanded' })).toBe(undefined)
  expect(read(ACCESS_FLAGS.tokenFile, both)).toEqual({ variable: 'VOUCH_ACCEPTED_TOKEN', text: 'demanded' })
  const older = { variable: 'VOUCH_TOKEN', text: 'shown', renamed: 'VOUCH_ACCEPTED_TOKEN' }
  expect(read(ACCESS_FLAGS.tokenFile, { VOUCH_TOKEN: 'shown' })).toEqual(older)
})

test.each([
  ['40MB/s', 40e6],
  ['40M', 40e6],
  ['1.5k', 1500],
  ['512KiB/s', 512 * 1024],
  ['2Gi', 2 * 2 ** 30],
  ['1000000', 1e6],
  ['1B/s', 1],
  ['0', null],
  ['0.5', null],
  ['0k', null],
  ['-1M', null],
  ['40MB/h', null],
  ['40Xi', null],
  ['999999999T', null],
  ['', null],
])('a rate of %s is %s bytes a second', (text, bytes) => {
  expect(RATE.parse(text)).toBe(bytes)
})
