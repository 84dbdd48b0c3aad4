import type { Declaration } from './declaration.ts'
import { GLOB_FLAGS, MAX_AGE_FLAG, REQUIRE, SINGLE_FLAG, SOURCE_FLAGS } from './shared-flags.ts'

const LINES_OF_JSON = { about: 'print a line of JSON for each name, and one at the end' }

/** `vouch get`. */
export const GET: Declaration = {
  name: 'get',
  about: 'get a file once all copies have been compared',
  forms: ['[NAME] [options]'],
  operand: { name: 'NAME' },
  groups: [
    {
      title: 'Options',
      flags: {
        output: {
          short: 'o',
          value: 'PATH',
          takes: { paths: 'files' },
          about: 'where to write; - is standard output',
          otherwise: "client_received with the name's extension",
        },
        'remote-name': { short: 'O', about: "write to the name's last part" },
        require: REQUIRE,
        ...MAX_AGE_FLAG,
        json: { about: 'print a report to standard output, in one line of JSON' },
      },
    },
    SOURCE_FLAGS,
  ],
  description: [
    'Asks for NAME when it is left out. What comes is checked against the digest that was announced before it gets its name; run again, it goes on with a transfer that broke off.',
    'A replica that did not answer, or refused to, may hold another version: the file is complete then, but the exit status is 3. With --require all nothing is written, and it is 2.',
    "When the copies differ, each version is written to ID_version, with the name's extension, ID being who holds it, beside where the file would have been. On standard output nothing is written then.",
  ],
  examples: [
    { line: 'vouch get photos/cat.jpg -O', about: 'ask the coordinator on this machine, and write cat.jpg' },
    {
      line: 'vouch get notes.txt --replica a=./a --replica b=http://192.168.1.102:6002',
      about: 'with no coordinator: compare a directory with a replica server',
    },
    {
      line: 'vouch get db.dump --require all -o - | pg_restore',
      about: 'nothing, unless every replica answers',
    },
  ],
  statuses: {
    0: 'got it, and every replica answered',
    1: 'the copies differ',
    2: 'trouble: no replica has it, or it is not known whether one has',
    3: 'got it, but some replica gave no copy and did not say that it has none',
  },
}

/** `vouch check`. */
export const CHECK: Declaration = {
  name: 'check',
  about: 'find every file whose copies differ, or that some replica lacks',
  forms: ['[PREFIX] [options]'],
  operand: { name: 'PREFIX' },
  groups: [
    {
      title: 'Options',
      flags: {
        ...GLOB_FLAGS,
        'one-way': { about: 'only names that the first replica holds' },
        all: { about: 'every name' },
        ...MAX_AGE_FLAG,
        deep: { about: 'the same as --max-age 0; this finds what rotted on the disk' },
        ...SINGLE_FLAG,
        json: LINES_OF_JSON,
      },
    },
    SOURCE_FLAGS,
  ],
  description: [
    'Prints a mark and the name of each file that is not the same everywhere. Of two replicas: * they differ, + the second lacks it, - the first lacks it, ! it could not be read, and with --all = they are alike. Of more, who holds what follows.',
    'At the end it says how the digests of each replica are known: how many copies were read now, how many were read earlier, how long ago the oldest of these was read, and how many digests are checksums of the store.',
    'What a replica has and vouch cannot compare is counted by kind at the end, with the first of the names. Files whose names are not valid (not UTF-8, with a backslash, over 1,024 bytes, a bucket key such as a//b) make it exit with 2. Symbolic links, devices, FIFOs, sockets and folder markers do not, since no replica serves them. --exclude leaves out both.',
  ],
  examples: [
    { line: 'vouch check', about: 'all that the coordinator on this machine compares' },
    { line: 'vouch check --max-age 30d', about: 'the same, each copy read within the last 30 days' },
    {
      line: 'vouch check photos/ --replica disk=/srv/files --replica nas=/mnt/nas --deep',
      about: 'two directories, every byte of what lies below photos/',
    },
    {
      line: "vouch check --match '*.jpg' --json | jq -r 'select(.name).name'",
      about: 'names, for a program',
    },
  ],
  statuses: {
    0: 'all are alike',
    1: 'some differ or are lacking',
    2: 'trouble: some could not be compared, or no name passed the prefix and globs',
  },
}

/** `vouch explain`. */
export const EXPLAIN: Declaration = {
  name: 'explain',
  about: 'say how the copies of a file differ; which of them is right is for you to say',
  forms: ['NAME [options]'],
  operand: { name: 'NAME' },
  groups: [
    {
      title: 'Options',
      flags: { ...MAX_AGE_FLAG, ...SINGLE_FLAG, json: { about: 'print one object, in one line of JSON' } },
    },
    SOURCE_FLAGS,
  ],
  description: [
    'Prints what each replica holds, since when, and how its digest is known: from bytes that were read now, or some time ago, or by the checksum of the store; who holds which version; where each version begins to differ from the first; and how, where they are texts of at most 1 MiB. Offsets count bytes from 0; times are those of this machine, in JSON those of UTC.',
  ],
  examples: [
    { line: 'vouch explain notes.txt', about: 'who holds what, and a diff' },
    { line: 'vouch explain photos/cat.jpg --json | jq .versions', about: 'the versions, for a program' },
  ],
  statuses: {
    0: 'all are alike',
    1: 'some differ or are lacking',
    2: 'trouble: no replica has it, or some replica did not say',
  },
}

/** `vouch plan`. */
export const PLAN: Declaration = {
  name: 'plan',
  about: 'say what would have to be copied where; nothing is written',
  forms: ['[PREFIX] [options] > plan.json'],
  operand: { name: 'PREFIX' },
  groups: [
    {
      title: 'Options',
      flags: {
        ...GLOB_FLAGS,
        keep: { value: 'ID', takes: { ids: '' }, about: 'where copies differ, keep that of this replica' },
        newest: { about: 'where copies differ, keep the one that was changed last' },
        majority: { about: 'where copies differ, keep the one that more than half of the replicas hold' },
        for: {
          value: 'PREFIX=POLICY',
          takes: { behindEquals: true, words: ['newest', 'majority', 'fill-missing'], ids: 'keep:' },
          repeated: true,
          about:
            'the same for names that start with PREFIX alone: keep:ID, newest, majority or fill-missing; once for each, the longest prefix counts',
        },
        ...MAX_AGE_FLAG,
        ...SINGLE_FLAG,
        json: { about: 'changes nothing: a plan is JSON' },
      },
    },
    SOURCE_FLAGS,
  ],
  description: [
    'Prints a plan in JSON, a line for each step, to be read, cut down, and handed to vouch apply. Files that some replica lacks are copied there; where copies differ nothing is planned unless an option says which to keep. Nothing is deleted.',
  ],
  examples: [
    { line: 'vouch plan > plan.json', about: 'copy what is lacking somewhere' },
    {
      line: 'vouch plan --newest --for docs/=keep:server1 > plan.json',
      about: 'and choose where copies differ',
    },
  ],
  statuses: {
    0: 'nothing to do',
    1: 'the plan has steps',
    2: 'trouble: some could not be compared, or no name passed',
  },
}

/** `vouch apply`. */
export const APPLY: Declaration = {
  name: 'apply',
  about: 'do what a plan of vouch plan says, and nothing else',
  forms: ['PLAN [options]'],
  operand: { name: 'PLAN', takes: { paths: 'files' } },
  groups: [
    {
      title: 'Options',
      flags: {
        writable: { about: 'with --replica: write to these directories and replica servers' },
        json: { about: 'print a line of JSON for each step, and one at the end' },
      },
    },
    SOURCE_FLAGS,
  ],
  description: [
    'PLAN is a file, or - for standard input. Each step is done only where every replica still holds what the plan saw; otherwise it is skipped and reported. What is replaced is kept on its replica, for vouch restore. A plan that was interrupted is applied again: what is done is passed over.',
  ],
  examples: [
    { line: 'vouch apply plan.json', about: 'through a coordinator that was started with --writable' },
    {
      line: 'vouch apply plan.json --replica disk=/srv/files --replica nas=/mnt/nas --writable',
      about: 'with no coordinator',
    },
  ],
  statuses: {
    0: 'every step is done',
    1: 'some were skipped because a copy had changed',
    2: 'trouble',
  },
}

/** `vouch restore`. */
export const RESTORE: Declaration = {
  name: 'restore',
  about: 'list the contents that were replaced, and put one back',
  forms: ['[NAME] [options]', 'NAME --on ID [--digest PREFIX] [options]'],
  operand: { name: 'NAME' },
  groups: [
    {
      title: 'Options',
      flags: {
        on: { value: 'ID', takes: { ids: '' }, about: 'put NAME back on this replica' },
        digest: {
          value: 'PREFIX',
          about: 'how its digest begins; may be left out where ID keeps one content of NAME alone',
        },
        writable: { about: 'with --replica and --on: write to that directory or replica server' },
        json: { about: 'print a line of JSON for each' },
      },
    },
    SOURCE_FLAGS,
  ],
  description: [
    'Without --on it lists what is kept, all or what was kept of NAME. A content is put back only over what the replica holds just before; what it replaces is kept in turn, and it stays kept itself. Times are those of this machine, in JSON those of UTC.',
  ],
  examples: [
    { line: 'vouch restore', about: 'list all that is kept' },
    { line: 'vouch restore notes.txt --on server2 --digest 3f0a', about: 'put one of its contents back' },
  ],
  statuses: {
    0: 'listed, or put back',
    1: 'skipped because the copy changed meanwhile',
    2: 'trouble',
  },
}
