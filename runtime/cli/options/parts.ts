import { MAX_MARKS } from '../../../functions/wire/limits.ts'
import { FILE, type Kind, option, optionWithDefault, TEXT } from '../../hosting/flag.ts'
import { MAX_JOBS } from '../limits.ts'

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
