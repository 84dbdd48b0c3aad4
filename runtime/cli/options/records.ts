import { DIRECTORY, FILE, type Kind, oneOf, option, toggle } from '../../hosting/flag.ts'
import { AGE, DURATION, GLOB_FLAGS, MAX_AGE, NOTIFY_FLAGS, QUIET, RATE, SINGLE } from '../../hosting/flags.ts'
import { declare } from './declaration.ts'
import { SOURCE } from './source.ts'

/** `8%` or `0.5%`, as a share of 1. */
const PORTION: Kind<number> = {
  rule: 'a percentage above 0 and up to 100, such as 8%',
  parse(text) {
    const [, digits] = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text) ?? []
    const share = Number(digits) / 100
    return share > 0 && share <= 1 ? share : null
  },
}

export const VERIFY = declare({
  name: 'verify',
  about: 'read every byte of every replica and compare, a part at a time if asked to',
  forms: ['[options]'],
  operand: null,
  flags: {
    portion: option('P%', PORTION, 'end once P percent of all bytes have been read'),
    for: option('TIME', DURATION, 'end after TIME, with the file that is being read then'),
    rate: option('RATE', RATE, 'the bytes that each replica may read in a second, such as 40MB/s', {
      otherwise: 'as fast as it can',
    }),
    maxAge: option('AGE', AGE, 'leave out copies that were read at most AGE ago', {
      otherwise: 'those that this verification has read',
    }),
    single: SINGLE,
    ...NOTIFY_FLAGS,
    quiet: QUIET,
    json: toggle('print a line of JSON for each name that differs, and one at the end'),
  },
  shared: [SOURCE],
  description: [
    'What changed on a disk without a write, no comparison of remembered digests can find. This reads all bytes, in the order of the names, and goes on where it ended last: after --portion or --for, or because it was interrupted. Once it has read everything it begins again, so that what was not read for longest always comes next. vouch status shows how far it has come.',
    'RATE is a number of bytes a second, with k, M, G or T behind it for powers of 1000, or Ki, Mi, Gi or Ti for powers of 1024, and then B and /s or not: 40MB/s and 40M are the same. Each replica keeps to it by itself, and waits after each piece of up to 1 MiB.',
    'It prints what vouch check prints. A replica that does not answer is left out, and the next vouch verify begins where it was lost.',
  ],
  examples: {
    'vouch verify': 'everything that the coordinator on this machine compares',
    'vouch verify --portion 8%': 'every week, to have read everything within a quarter of a year',
    'vouch verify --for 2h --rate 40MB/s': 'every night, as far as it comes with half a disk',
  },
  statuses: {
    0: 'all that was read is the same',
    1: 'some differ or are missing somewhere',
    2: 'trouble: some could not be compared',
  },
})

export const STATUS = declare({
  name: 'status',
  about: 'show what is known by the checks so far, and which replicas answer now',
  forms: ['[options]'],
  operand: null,
  flags: { single: SINGLE, json: toggle('print one object, in one line of JSON') },
  shared: [SOURCE],
  description: [
    'Compares nothing: it reads what vouch check has recorded, of these replicas or at this coordinator, and asks each replica whether it answers. It prints when all names were last compared and with what result, what is new since the check before, and for each replica what it held then.',
    'The record is a file in the directory of --index, or beside the digests in the cache directory of the user; name a directory that lasts.',
  ],
  examples: {
    'vouch status': 'of the coordinator on this machine',
    'vouch status --json | jq .differing': 'the number of names that differ, for a program',
  },
  statuses: {
    0: 'all names were the same at the last check, and every replica answers',
    1: 'some differed or were missing somewhere',
    2: 'trouble: nothing was ever checked, the last check left out a replica or broke off, or a replica does not answer now',
  },
})

export const ESTIMATE = declare({
  name: 'estimate',
  about: 'tell beforehand what a check of buckets will take, in calls and money',
  forms: ['[PREFIX] [options]'],
  operand: { name: 'PREFIX' },
  flags: {
    deep: toggle('of a check that reads every byte'),
    json: toggle('print one object, in one line of JSON'),
  },
  shared: [SOURCE],
  description: [
    'Lists every name of each bucket, and asks for a few objects to learn how many of them keep no SHA-256, which a check has to read; it reads none. So it costs about what the next check costs where all digests are known, and prints that too. What other stores do is not counted: directories cost nothing, and a replica server counts for itself.',
    'The prices are a table of public ones, without what an account has free, and nothing was billed to verify them. Beside the estimate stands what the last check of all names took, as it was counted while it ran; vouch check prints the same at its end.',
  ],
  examples: {
    'vouch estimate --replica a=s3://photos --replica b=s3://copies':
      'what vouch check of both buckets will cost',
    'vouch estimate --deep': 'reading every byte, of the coordinator on this machine',
  },
  statuses: { 0: 'printed', 2: 'trouble: a replica could not be asked' },
})

export const HISTORY = declare({
  name: 'history',
  about: 'show what checks have found of a file, and since when',
  forms: ['NAME [options]'],
  operand: { name: 'NAME' },
  flags: { json: toggle('print one object, in one line of JSON') },
  shared: [SOURCE],
  description: [
    'Prints a line for each check that found the copies otherwise than the check before: which replicas held which content, by the beginning of its SHA-256, and where it was missing. Nothing is compared now. Times are local, in JSON UTC.',
  ],
  examples: { 'vouch history photos/cat.jpg': 'when its copies began to differ' },
  statuses: {
    0: 'the copies did not differ at the last check of this name',
    1: 'they differed',
    2: 'trouble',
  },
})

export const SUMS = declare({
  name: 'sums',
  about: 'write a list of checksums of what the replicas agree on',
  forms: ['[PREFIX] [options]', '--bag DIR --replica ID=DIR/data [options]'],
  operand: { name: 'PREFIX' },
  flags: {
    format: option('FORMAT', oneOf('gnu', 'tag', 'hashdeep'), 'gnu, tag (as sha256sum --tag) or hashdeep', {
      otherwise: 'gnu',
    }),
    output: option('PATH', FILE, 'where to write; - is standard output', { short: 'o', otherwise: '-' }),
    bag: option('DIR', DIRECTORY, 'make DIR a BagIt bag; its payload DIR/data is one of the replicas'),
    agreed: toggle('leave out what the replicas do not agree on, instead of writing nothing'),
    ...GLOB_FLAGS,
    maxAge: MAX_AGE,
    single: SINGLE,
  },
  shared: [SOURCE],
  description: [
    'The list has the SHA-256 of each file that is the same on all replicas, in the order of the bytes of the names. sha256sum -c, shasum -c and rhash -c check one in the format gnu or tag, and hashdeep -c sha256 -r -l -a -k LIST . one of hashdeep, in a directory of the files.',
    'Nothing is written unless every file is the same everywhere: neither to PATH, which gets its name once the list is complete, nor to standard output. The names that are not are printed to standard error, marked as by vouch check. --agreed writes the others.',
    'With --bag the list is the manifest of a bag (BagIt 1.0, RFC 8493) that is made around DIR/data, a directory that you have filled and that is compared with the other replicas. Nothing in it is moved or changed. bagit.txt, bag-info.txt (with Payload-Oxum and Bagging-Date), manifest-sha256.txt and tagmanifest-sha256.txt are written to DIR, which may hold no bag yet. A symbolic link in DIR/data, or anything else there that cannot be listed, makes it refuse.',
  ],
  examples: {
    'vouch sums -o SHA256SUMS': 'of everything that the coordinator on this machine compares',
    'vouch sums photos/ --max-age 0 -o SHA256SUMS --replica disk=/srv/files --replica nas=/mnt/nas':
      'read every byte below photos/ of two directories',
    'vouch sums --bag /srv/bag --replica bag=/srv/bag/data --replica nas=/mnt/nas':
      'make a bag of a directory that is the same as another',
  },
  statuses: {
    0: 'the list is complete',
    1: 'some files differ or are missing somewhere: nothing was written, or with --agreed the others',
    2: 'trouble: some could not be compared, or no name matched the prefix and globs',
  },
})
