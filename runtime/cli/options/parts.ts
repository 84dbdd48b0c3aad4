import { MAX_MARKS } from '../../../functions/wire/limits.ts'
import { FILE, type Kind, option, optionWithDefault, TEXT, toggle } from '../../hosting/flag.ts'
import { MAX_JOBS } from '../limits.ts'
import { declare } from './declaration.ts'

/** One of several parts: the first is 1. */
export interface Part {
  readonly nth: number
  readonly of: number
}

const PART: Kind<Part> = {
  rule: `a part and the number of parts, such as 3/16, with up to ${MAX_MARKS} parts`,
  parse(text) {
    const [, nth, of] = /^([1-9]\d{0,2})\/([1-9]\d{0,2})$/.exec(text)?.map(Number) ?? []
    return nth !== undefined && of !== undefined && nth <= of && of <= MAX_MARKS ? { nth, of } : null
  },
}

const JOBS: Kind<number> = {
  rule: `a number of processes from 1 to ${MAX_JOBS}`,
  parse: (text) => (/^[1-9]\d?$/.test(text) && Number(text) <= MAX_JOBS ? Number(text) : null),
}

/** Which names in byte order a command compares. */
export const RANGE_FLAGS = {
  after: option('NAME', TEXT, 'only names after NAME, in the order of their bytes'),
  until: option('NAME', TEXT, 'only names up to NAME'),
}

export const PART_FLAGS = {
  part: option('K/N', PART, 'only part K of N, such as 3/16; vouch merge makes one result of all parts'),
  split: option('FILE', FILE, 'split where the output of an earlier check --json says', {
    otherwise: 'where the last check of all names says, else by a listing of all names',
  }),
  jobs: optionWithDefault('N', JOBS, 'processes on this machine that each check one part', '1'),
}

export const MERGE = declare({
  name: 'merge',
  about: 'make one result of the parts of a check',
  forms: ['FILE... [options]'],
  operand: { name: 'FILE', many: true, completions: FILE },
  flags: {
    oneWay: toggle('only names that the first replica holds'),
    all: toggle('every name, of parts that were checked with --all'),
    noRollUp: toggle('a line for every name, also for folders that are missing whole and for renamed files'),
    json: toggle('print a line of JSON for each name, and one at the end'),
  },
  shared: [],
  description: [
    'Each FILE is what vouch check --json has printed of one part: of --part K/N, or of --after and --until. Prints what one vouch check of all of them would have printed, and exits as it would have. The files may be given in any order.',
    'Refuses parts that leave a gap or overlap, that did not come to their end, or that compared other replicas or asked for other names.',
  ],
  examples: {
    'vouch merge part-*.ndjson': 'the result of all parts',
    'vouch merge part-*.ndjson --json > whole.ndjson': 'for a program, or for --split of the next check',
  },
  statuses: {
    0: 'all are the same',
    1: 'some differ or are missing somewhere',
    2: 'trouble: some could not be compared, or the files are not the parts of one check',
  },
})
