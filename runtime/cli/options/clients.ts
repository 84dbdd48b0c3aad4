import type { Confidence } from '../../../functions/coordinator/audit/audit-request.ts'
import { parse } from '../../../functions/wire/json/parse.ts'
import { MAX_SEED_LENGTH } from '../../../functions/wire/limits.ts'
import { policy, type Rule } from '../../../functions/wire/schemas/policy.ts'
import { FILE, type Kind, list, option, TEXT, toggle } from '../../hosting/flag.ts'
import { GLOB_FLAGS, MAX_AGE, NOTIFY_FLAGS, QUIET, READ_REQUIRE, SIGN, SINGLE } from '../../hosting/flags.ts'
import { declare } from './declaration.ts'
import { PART_FLAGS, RANGE_FLAGS } from './parts.ts'
import { SOURCE } from './source.ts'

/** The id of a replica, which may be named on the line. */
const ID = { ...TEXT, ids: '' }

export const GET = declare({
  name: 'get',
  about: 'get files once all copies of each have been compared',
  forms: ['[NAME] [options]', 'NAME|FOLDER/... [-o DIR] [options]', '--files-from FILE [-o DIR] [options]'],
  operand: { name: 'NAME', many: true },
  flags: {
    output: option(
      'PATH',
      FILE,
      'where to write, in a directory that is made when it is missing; - is standard output; for several files a directory',
      {
        short: 'o',
        otherwise: "client_received with the name's extension, or the current directory",
      },
    ),
    remoteName: toggle("write to the name's last part", { short: 'O' }),
    filesFrom: option('FILE', FILE, 'get the files whose names are in FILE, one a line; - is standard input'),
    ...GLOB_FLAGS,
    require: READ_REQUIRE,
    maxAge: MAX_AGE,
    quiet: QUIET,
    receipt: option('FILE', FILE, 'write what the replicas have signed of the file to FILE'),
    sign: SIGN,
    json: toggle('print a report to standard output, in one line of JSON for each file'),
  },
  shared: [SOURCE],
  description: [
    'Without NAME it asks for one. The content is checked against the announced digest before the file gets its name. Run again, it resumes a transfer that broke off.',
    'A replica that did not answer, or refused to, may hold another version: the file is written, but the exit status is 3. With --require all nothing is written, and the exit status is 2.',
    "When the copies differ, each version is written beside the destination as ID_version with the name's extension, where ID is a replica that holds it, and .vouch-conflict.json says for a program which file has which version. With -o - nothing is written then.",
    'With several names, --files-from, a folder such as docs/, --match or --exclude, the files keep their names and folders below DIR, which is made when it is missing, and each version is written beside its name, such as notes.ID_version.txt with notes.txt.vouch-conflict.json. A folder is everything below it that any replica lists; --match and --exclude select from the folders, or from all files.',
    'A file that is there already is hashed, and received only when its copies have another content. No symbolic link in DIR is followed. The trouble of one file does not stop the others.',
    'A receipt has a line of each replica that holds the content and has a key; for the others the coordinator signs, if it has one. With --replica this command is the coordinator: --sign names its key. vouch receipt verify reads it.',
  ],
  examples: {
    'vouch get photos/cat.jpg -O': 'ask the coordinator on this machine, and write cat.jpg',
    'vouch get notes.txt --replica a=./a --replica b=http://192.168.1.102:6002':
      'with no coordinator: compare a directory with a replica server',
    'vouch get db.dump --require all -o - | pg_restore': 'fail unless every replica answers',
    "vouch get photos/ --exclude '*.tmp' -o backup": 'all of a folder, below backup/photos/',
    'vouch get deed.pdf -O --receipt deed.receipt': 'with what the replicas sign of it',
    'vouch get --files-from names.txt --json': 'many files, with a report for a program',
  },
  statuses: {
    0: 'got it, and every replica answered',
    1: 'the copies differ',
    2: 'trouble: not found, or unknown because some replica did not answer',
    3: 'got it, but some replica neither sent its copy nor reported it missing. With several files it is the first of 2, 1 and 3 that one of them has',
  },
})

/** As a fraction. */
function parsePercentage(text: string): number | null {
  const percentage = /^\d{1,3}(\.\d{1,9})?%$/.test(text) ? Number(text.slice(0, -1)) : 0
  return percentage > 0 && percentage <= 100 ? percentage / 100 : null
}

const SHARE: Kind<number> = {
  rule: 'a percentage above 0% and at most 100%, such as 1%',
  parse: parsePercentage,
  words: ['1%', '10%', '100%'],
}

const CONFIDENCE: Kind<Confidence> = {
  rule: 'two percentages below 100%, such as 99%,0.1%',
  parse(text) {
    const [sure = null, bad = null, ...others] = text.split(',').map(parsePercentage)
    return sure === null || bad === null || sure === 1 || bad === 1 || others.length > 0
      ? null
      : { sure, bad }
  },
  words: ['95%,1%', '99%,0.1%'],
}

const SEED: Kind<string> = {
  rule: `a text of 1 to ${MAX_SEED_LENGTH} characters`,
  parse: (text) => (text === '' || text.length > MAX_SEED_LENGTH ? null : text),
}

export const CHECK = declare({
  name: 'check',
  about: 'find every file whose copies differ, or that is missing on some replica',
  forms: ['[PREFIX] [options]'],
  operand: { name: 'PREFIX' },
  flags: {
    ...GLOB_FLAGS,
    oneWay: toggle('only names that the first replica holds'),
    all: toggle('every name'),
    noRollUp: toggle('a line for every name, also for folders that are missing whole and for renamed files'),
    ...RANGE_FLAGS,
    ...PART_FLAGS,
    maxAge: MAX_AGE,
    deep: toggle('the same as --max-age 0; this finds what rotted on the disk'),
    prove: option(
      'SHARE',
      SHARE,
      'have the replicas prove their copies of all names, or of a random SHARE of them such as 1%, by reading every byte now; nothing remembered counts',
      { bare: '100%' },
    ),
    confidence: option(
      'SURE,BAD',
      CONFIDENCE,
      'the same, of as many names as it takes to find a bad one with probability SURE if the share BAD of all names is bad, such as 99%,0.1%',
    ),
    seed: option('TEXT', SEED, 'choose the same names as an earlier check that printed this seed', {
      otherwise: 'a new one, which is printed',
    }),
    single: SINGLE,
    ...NOTIFY_FLAGS,
    summary: toggle('print one line, how many names are the same and how many are not, and no names'),
    quiet: QUIET,
    json: toggle('print a line of JSON for each name, and one at the end'),
  },
  shared: [SOURCE],
  description: [
    'Prints a mark and the name of each file that is not the same everywhere. With two replicas: * the copies differ, + it is missing on the second, - it is missing on the first, ! it could not be read, and with --all = they are the same. With more, the holders of each version follow.',
    'A folder of which a replica has nothing is one line, with the number and size of its files. R is a file, or a folder, that some replicas hold under another name than the others, with the same content. Both are known only at the end, so these lines, + and - come last. --no-roll-up prints a line for every name, as soon as it is known; so do --all and --json, which adds a line for each renamed file.',
    'At the end it reports for each replica how many files are missing, differ, are renamed or corrupt, and how the digests of each replica are known: how many copies were read now, how many were read earlier and how long ago the oldest of these, and how many digests are checksums of the store.',
    'Entries that vouch cannot compare are counted by kind at the end, with the first of their names. Files whose names are not valid (not UTF-8, with a backslash, over 1,024 bytes, a bucket key such as a//b) make it exit with 2. Symbolic links, devices, FIFOs, sockets and folder markers do not, since no replica serves them. --exclude leaves out both.',
    '--after, --until and --part compare a range of the names in the order of their bytes. Each part prints its own result, whose rows of folders and renamed files end with it; with --json, vouch merge makes one result of all. Where parts run on several machines, give each the same --split, or ask the same coordinator. --jobs runs all parts on this machine and prints one result. The outcome of a part is not sent to --notify, and the record of vouch status calls it no check of all names.',
  ],
  examples: {
    'vouch check': 'everything that the coordinator on this machine compares',
    'vouch check --max-age 30d': 'the same, with each copy read within the last 30 days',
    'vouch check photos/ --replica disk=/srv/files --replica nas=/mnt/nas --deep':
      'two directories, reading every byte below photos/',
    'vouch check --prove=1% --cluster archive': 'a random hundredth, proved by the bytes as they are now',
    'vouch check --part 3/16 --json > part-03.ndjson':
      'a part; vouch merge part-*.ndjson follows all of them',
    "vouch check --match '*.jpg' --json | jq -r 'select(.name).name'": 'names for a program',
  },
  statuses: {
    0: 'all are the same',
    1: 'some differ or are missing somewhere',
    2: 'trouble: some could not be compared, or no name matched the prefix and globs',
  },
})

export const EXPLAIN = declare({
  name: 'explain',
  about: 'show how the copies of a file differ; which of them is right is your decision',
  forms: ['NAME [options]'],
  operand: { name: 'NAME' },
  flags: {
    maxAge: MAX_AGE,
    single: SINGLE,
    json: toggle('print one object, in one line of JSON'),
  },
  shared: [SOURCE],
  description: [
    'Prints what each replica holds, since when, and how its digest is known: from bytes read now or earlier, or from the checksum of the store; which replicas hold which version; and where each version begins to differ from the first, with a diff of texts of at most 1 MiB. Offsets count bytes from 0; times are local, in JSON UTC.',
  ],
  examples: {
    'vouch explain notes.txt': 'the holders of each version, and a diff',
    'vouch explain photos/cat.jpg --json | jq .versions': 'the versions for a program',
  },
  statuses: {
    0: 'all are the same',
    1: 'some differ or are missing',
    2: 'trouble: no replica has it, or some replica did not answer',
  },
})

/** `PREFIX=POLICY`; the prefix may hold further equals signs. */
const RULE: Kind<Rule> = {
  rule: 'PREFIX=POLICY',
  parts: 'POLICY is keep:ID, newest, majority, repair or fill-missing',
  parse(text) {
    const [, prefix = '', word = ''] = /^(.*)=([^=]*)$/su.exec(text) ?? []
    const parsed = parse(policy, word.startsWith('keep:') ? { keep: word.slice('keep:'.length) } : word)
    return parsed.success ? { prefix, policy: parsed.output } : null
  },
  ...{ behindEquals: true, words: ['newest', 'majority', 'repair', 'fill-missing'], ids: 'keep:' },
}

export const PLAN = declare({
  name: 'plan',
  about: 'plan what to copy where; nothing is written',
  forms: ['[PREFIX] [options] > plan.json'],
  operand: { name: 'PREFIX' },
  flags: {
    ...GLOB_FLAGS,
    keep: option('ID', ID, 'where copies differ, keep the copy of this replica'),
    newest: toggle('where copies differ, keep the one modified last'),
    majority: toggle('where copies differ, keep the one held by more than half of the replicas'),
    repair: toggle(
      'where copies differ only because some have rotted, keep the sound one; with what vouch verify and check --deep have found, or --max-age 0 to read every byte now',
    ),
    for: list(
      'PREFIX=POLICY',
      RULE,
      'the same, only for names that begin with PREFIX: keep:ID, newest, majority, repair or fill-missing; once for each, the longest prefix counts',
    ),
    ...RANGE_FLAGS,
    moves: toggle(
      'move a file that was renamed on some replicas on the others too, instead of copying it: the new name is kept, as check prints it behind the arrow; with --keep ID that of ID, with --majority that of more than half of the replicas',
    ),
    maxAge: MAX_AGE,
    single: SINGLE,
    json: toggle('changes nothing: a plan is JSON'),
  },
  shared: [SOURCE],
  description: [
    'Prints a plan in JSON, one step a line, to review, cut down, and pass to vouch apply. Files that are missing on some replica are copied there. Where copies differ, nothing is planned unless an option chooses which to keep. Nothing is deleted, and with --moves alone a name goes away: its file then has the other name.',
  ],
  examples: {
    'vouch plan > plan.json': 'copy the files that are missing somewhere',
    'vouch plan --newest --for docs/=keep:server1 > plan.json': 'and choose a copy where they differ',
    'vouch plan --moves > plan.json': 'and rename what was renamed elsewhere',
    'vouch plan --repair > plan.json': 'write sound copies over those that vouch verify found rotten',
  },
  statuses: {
    0: 'nothing to do',
    1: 'the plan has steps',
    2: 'trouble: some could not be compared, or no name matched',
  },
})

export const APPLY = declare({
  name: 'apply',
  about: 'do exactly the steps of a plan made by vouch plan',
  forms: ['PLAN [options]'],
  operand: { name: 'PLAN', completions: FILE },
  flags: {
    writable: toggle('with --replica: write to these directories and replica servers'),
    json: toggle('print a line of JSON for each step, and one at the end'),
  },
  shared: [SOURCE],
  description: [
    'PLAN is a file, or - for standard input. Each step is done only if every replica still holds what the plan saw; otherwise it is skipped and reported. Replaced contents are kept on their replica for vouch restore. After an interruption run apply again: steps that are done are passed over.',
  ],
  examples: {
    'vouch apply plan.json': 'through a coordinator started with --writable',
    'vouch apply plan.json --replica disk=/srv/files --replica nas=/mnt/nas --writable':
      'with no coordinator',
  },
  statuses: {
    0: 'every step is done',
    1: 'some were skipped because a copy had changed',
    2: 'trouble',
  },
})

export const RESOLVE = declare({
  name: 'resolve',
  about: 'merge the versions of a file whose copies differ, and plan the result',
  forms: ['NAME [-o DIR] [options] > plan.json', 'NAME --edited [-o DIR] [options] > plan.json'],
  operand: { name: 'NAME' },
  flags: {
    output: option(
      'DIR',
      FILE,
      'where the result is written, under its name; made when it is missing, outside the replicas',
      { short: 'o', otherwise: 'resolved' },
    ),
    edited: toggle('plan the result that an earlier run left in DIR, as you have edited it'),
    json: toggle('changes nothing: a plan is JSON'),
  },
  shared: [SOURCE],
  description: [
    'Opens the versions in the program of MERGETOOL, and prints a plan in JSON that writes the result over each copy, for vouch apply. Nothing else is written to any replica, and apply keeps what it replaces. A result that is one of the versions is planned from its holder. Any other is held by no replica: give apply the directory too, with --replica resolved=DIR.',
    'MERGETOOL is a shell command, as mergetool.NAME.cmd of git: LOCAL and REMOTE are the paths of the two versions, BASE that of an empty file, since no common ancestor is known, and MERGED is where the result must be: meld "$LOCAL" "$REMOTE" -o "$MERGED".',
    'With more than two versions there are no LOCAL and REMOTE: "$@" are the paths of all versions, in the order of their replicas: vim -d "$MERGED" "$@". Its standard output goes to standard error. It must not end before the result is written: an editor such as code needs its option --wait.',
    'Before it starts, MERGED has what git merge-file makes of two texts: what both have in common, and each difference twice between marks (<<<<<<<). Without MERGETOOL that is all: edit the result, and run resolve again with --edited. It plans nothing while marks are left, or when the copies are no longer those that the result was made of.',
    'A coordinator elsewhere cannot read the result from this machine: with --coordinator only one of the versions can be planned.',
  ],
  examples: {
    'vouch resolve notes.txt --replica a=./a --replica b=./b > plan.json':
      'then vouch apply plan.json with these and --replica resolved=./resolved --writable',
    'vouch resolve notes.txt --edited --cluster home > plan.json':
      'once the marks in resolved/notes.txt are edited away',
  },
  statuses: {
    0: 'the plan is printed, or the copies do not differ',
    1: 'not resolved: marks are left in the result, or MERGETOOL made none',
    2: 'trouble: no replica has it, or some replica did not answer',
  },
})

const DIGEST: Kind<string> = {
  rule: 'up to 64 hexadecimal digits in lower case',
  parse: (text) => (/^[0-9a-f]{0,64}$/.test(text) ? text : null),
}

export const RESTORE = declare({
  name: 'restore',
  about: 'list the replaced contents, and put one back',
  forms: ['[NAME] [options]', 'NAME --on ID [--digest PREFIX] [options]'],
  operand: { name: 'NAME' },
  flags: {
    on: option('ID', ID, 'put NAME back on this replica'),
    digest: option(
      'PREFIX',
      DIGEST,
      'how its digest begins; may be left out where ID keeps only one content of NAME',
    ),
    writable: toggle('with --replica and --on: write to that directory or replica server'),
    json: toggle('print a line of JSON for each'),
  },
  shared: [SOURCE],
  description: [
    'Without --on it lists the replaced contents that replicas keep, of all names or of NAME. A content is put back only over what the replica holds just before; the content that it replaces is kept in turn, and it stays kept itself. Times are local, in JSON UTC.',
  ],
  examples: {
    'vouch restore': 'list all kept contents',
    'vouch restore notes.txt --on server2 --digest 3f0a': 'put one of its contents back',
  },
  statuses: {
    0: 'listed, or put back',
    1: 'skipped because the copy changed in the meantime',
    2: 'trouble',
  },
})
