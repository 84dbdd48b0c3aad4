import os from 'node:os'
import type { Setting } from './setting.ts'

/** What is told before the tables: machine and programs, rounds, load, what was warm, and what the columns mean. */
export function toHead(setting: Setting, idleBefore: number): string[] {
  return [toMachine(setting, idleBefore), toRounds(setting), toLoad(setting), toWarmth(setting), COLUMNS]
}

function toMachine({ installed }: Setting, idleBefore: number): string {
  const cpus = os.cpus()
  const present = Object.values(installed).filter((version) => version !== undefined)
  const absent = Object.entries(installed).flatMap(([name, version]) => (version ? [] : [name]))
  const parts = [
    new Date().toISOString().slice(0, 10),
    `${cpus.length} × ${cpus[0]?.model}`,
    `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    `${os.type()} ${os.release()}`,
    `Node ${process.version}`,
    ...present,
  ]
  const without = absent.length > 0 ? ` Not installed: ${absent.join(', ')}.` : ''
  return `${parts.join(', ')}.${without} Before the run the processors were ${Math.round(idleBefore * 100)} % idle.`
}

function toRounds({ rounds, seconds }: Setting): string {
  return [
    `Rounds: ${rounds}, ${seconds} s a row; every row once a round, in an order that rotates.`,
    'A figure is the median of the rounds (least–greatest), a ratio is taken within each round.',
    'Different names are read in the first round only.',
  ].join(' ')
}

function toLoad({ installed, seedDirectory }: Setting): string {
  const loader = installed.wrk ? 'wrk, one thread' : 'our own loader, for wrk is not installed'
  const seed = seedDirectory
    ? 'for the seed, copied onto free ports of 127.0.0.1, our own loader, one connection a request'
    : 'no seed, for --seed-dir was not given'
  return [
    'Everything on 127.0.0.1, load and servers on the same processors, every server one process.',
    'The servers of vouch and the seed log each request into a file; the others log nothing.',
    `Load: ${loader}; ${seed}; for different names our own loader; for large files curl.`,
    'A row with an answer other than the expected one fails.',
  ].join(' ')
}

function toWarmth({ sizes }: Setting): string {
  return [
    'Warmed: every row for ten seconds before the first round; the page cache before every download.',
    `Large is ${sizes.large / 2 ** 20} MiB, the median of three downloads a round.`,
    'Digest not known: two servers start with an empty index and read a small file, which warms their code;',
    'then the large file is put in place, and asked for 3 s later, if both servers were idle until then.',
    'The page cache is warm there too: only the digest is cold.',
    `While a replica hashes: a sparse file of ${sizes.huge / 2 ** 30} GiB, at work before and after the measurement.`,
  ].join(' ')
}

const COLUMNS = [
  'CPU is user and system time, in seconds, for a thousand reads, or for one download; the median of the rounds.',
  'Memory is the greatest resident memory of all rounds, and (+) above what the process had at rest before the row.',
].join(' ')
