import { expect, test } from 'vitest'
import {
  parseCoordinatorFlags,
  parseReplicaFlags,
  parseReplicaWord,
  parseSourceFlags,
} from './configuration.ts'
import { Refusal } from './refusal.ts'

test('a replica listens on 127.0.0.1:6002 unless told otherwise', () => {
  expect(parseReplicaFlags({})).toEqual({ host: '127.0.0.1', port: 6002, id: 'replica' })
  expect(parseReplicaFlags({ host: '::', port: '0', id: 'nas' })).toEqual({ host: '::', port: 0, id: 'nas' })
})

test('a coordinator listens on 127.0.0.1:6001 unless told otherwise', () => {
  expect(parseCoordinatorFlags({ replica: ['a=x', 'b=http://h:1'], require: '2' })).toEqual({
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

test('a client asks 127.0.0.1:6001 unless told otherwise', () => {
  expect(parseSourceFlags({})).toEqual({ coordinator: 'http://127.0.0.1:6001', require: undefined })
  expect(parseSourceFlags({ coordinator: 'HTTP://Host/', require: '9' })).toEqual({
    coordinator: 'http://host/',
    require: '9',
  })
  expect(parseSourceFlags({ replica: ['a=x'], require: 'all' })).toMatchObject({
    replicas: [{ id: 'a' }],
    require: 'all',
  })
})

test('deadlines are seconds outside and milliseconds inside', () => {
  const flags = { replica: ['a=x', 'b=y'], 'silence-timeout': '0.5', 'answer-timeout': '86400' }
  expect(parseCoordinatorFlags(flags).timeouts).toEqual({
    connect: undefined,
    silence: 500,
    answer: 86_400_000,
  })
})

test.each([
  ['server1=./server1_files', { kind: 'directory', path: './server1_files' }],
  ['a=/srv/x=y z', { kind: 'directory', path: '/srv/x=y z' }],
  // One letter before a colon is a drive, on every platform; where there are none it is the name of a directory.
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
    {
      kind: 's3',
      word: { bucket: 'bucket', root: 'prefix/', endpoint: null, region: 'eu-west-1', style: null },
    },
  ],
])('the word %s names a target', (word, target) => {
  expect(parseReplicaWord(word)).toEqual({ id: word.split('=')[0], target })
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
])('the word %j is refused', (word) => {
  expect(parseReplicaWord(word)).toBeNull()
})

const port = 'takes a port number from 0 to 65535'

test.each([
  [() => parseReplicaFlags({ port: 'abc' }), `--port ${port}, got 'abc'`],
  [() => parseReplicaFlags({ port: '65536' }), `--port ${port}, got '65536'`],
  [() => parseReplicaFlags({ port: '-1' }), `--port ${port}, got '-1'`],
  [() => parseReplicaFlags({ port: '1.5' }), `--port ${port}, got '1.5'`],
  [() => parseReplicaFlags({ port: '' }), `--port ${port}, got ''`],
  [() => parseReplicaFlags({ host: '' }), "--host takes an address or a host name, got ''"],
  [() => parseReplicaFlags({ host: 'http://h' }), "--host takes an address or a host name, got 'http://h'"],
  [() => parseReplicaFlags({ id: 'a b' }), /^--id takes a letter and .*, got 'a b'$/],
  [() => parseCoordinatorFlags({}), '--replica takes ID=TARGET at least once, got none'],
  [() => parseCoordinatorFlags({ replica: ['a=x', 'a=y'] }), "--replica takes each id once, got 'a' twice"],
  [
    () => parseCoordinatorFlags({ replica: ['a=x', 's3://b'] }),
    /^--replica takes ID=TARGET, .*, got 's3:\/\/b'$/,
  ],
  [
    () => parseCoordinatorFlags({ replica: ['a=x', 'b=y'], require: '3' }),
    "--require takes all, majority or a number from 1 to 2, got '3'",
  ],
  [() => parseCoordinatorFlags({ replica: ['a=x', 'b=y'], require: '0' }), /number from 1 to 2, got '0'$/],
  [() => parseCoordinatorFlags({ replica: ['a=x'] }), /^one replica compares with nothing/],
  [
    () => parseCoordinatorFlags({ replica: ['a=x'], 'silence-timeout': '0' }),
    "--silence-timeout takes a number of seconds from 0.001 to 86400, got '0'",
  ],
  [() => parseCoordinatorFlags({ replica: ['a=x'], 'connect-timeout': '1e3' }), /got '1e3'$/],
  [() => parseSourceFlags({ require: 'some' }), /number from 1 up, got 'some'$/],
  [
    () => parseSourceFlags({ coordinator: 'h:6001' }),
    /^--coordinator takes an http or https URL .*, got 'h:6001'$/,
  ],
  [
    () => parseSourceFlags({ coordinator: 'http://h', replica: ['a=x'] }),
    '--coordinator and --replica exclude each other',
  ],
])('%s is refused in one line', (parse, line) => {
  expect(parse).toThrow(Refusal)
  expect(parse).toThrow(line)
  expect(parse).not.toThrow(/\n/)
})

test('a refusal repeats no password and no query', () => {
  const parse = () => parseCoordinatorFlags({ replica: ['a=http://user:secret@h/?token=secret'] })
  expect(parse).toThrow(/got 'a=http:\/\/…@h\/\?…'$/)
  expect(parse).not.toThrow(/secret/)
})
