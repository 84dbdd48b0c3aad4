import { type Kind, option, toggle } from '../../hosting/flag.ts'
import { AGE, DURATION, NOTIFY_FLAGS, RATE, SINGLE, SOURCE_FLAGS } from '../../hosting/flags.ts'
import { declare } from './declaration.ts'

const SOURCE = { title: 'Whom to ask', flags: SOURCE_FLAGS }

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
