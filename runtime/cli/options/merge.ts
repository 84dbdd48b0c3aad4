import { FILE, toggle } from '../../hosting/flag.ts'
import { declare } from './declaration.ts'

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
