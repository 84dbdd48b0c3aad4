import type { Confidence } from '../../../functions/coordinator/audit/audit-request.ts'
import { MAX_SEED_LENGTH } from '../../../functions/wire/limits.ts'
import { type Kind, option, toggle } from '../../hosting/flag.ts'
import { GLOB_FLAGS, MAX_AGE, NOTIFY_FLAGS, QUIET, SINGLE } from '../../hosting/flags.ts'
import { declare } from './declaration.ts'
import { PART_FLAGS, RANGE_FLAGS } from './parts.ts'
import { SOURCE } from './source.ts'

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
