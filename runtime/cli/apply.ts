import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { toUnkeptWords } from '../../functions/wire/attributes.ts'
import { type ApplyLine, applyLine } from '../../functions/wire/plan-schemas.ts'
import { printable } from '../../functions/wire/printable.ts'
import { type Flags, parseSourceFlags } from '../node/configuration.ts'
import { Refusal } from '../node/refusal.ts'
import { Broken, readProblem, toLine } from './ask.ts'
import type { Command } from './command.ts'
import { type Io, say, toJsonLine, writeOut } from './io.ts'
import { readLines } from './lines.ts'
import { openSource } from './source.ts'

/** `vouch apply`: what a plan says, and nothing else. */
export const apply: Command = {
  async run(flags, [path], io) {
    if (!path) throw new Refusal("apply takes PLAN, a file, got none; 'vouch plan > plan.json' makes one")
    requireWritable(flags)
    const plan = await readPlan(path, io)
    const { ask, close } = await openSource(flags, io)
    try {
      const response = await ask('/apply', { json: plan })
      if (response.status !== 200) {
        const problem = await readProblem(response)
        if (problem.type === 'invalid-body') requireJson(plan, path)
        throw new Refusal(problem.type === 'invalid-body' ? `${path}: ${toLine(problem)}` : toLine(problem))
      }
      return await report(response, flags, io)
    } finally {
      await close()
    }
  },
}

function requireWritable(flags: Flags): void {
  const isOwn = 'replicas' in parseSourceFlags(flags)
  if (isOwn && !flags['writable'])
    throw new Refusal('apply on --replica writes to them: add --writable if that is meant')
  if (!isOwn && flags['writable'])
    throw new Refusal('--writable goes with --replica: a coordinator is writable by its own flag')
}

async function readPlan(path: string, io: Io): Promise<string> {
  try {
    return path === '-' ? await text(io.stdin) : await readFile(resolve(io.cwd, path), 'utf8')
  } catch (error) {
    const reason = error instanceof Error ? error.message : error
    throw new Refusal(`cannot read ${path}: ${reason}; 'vouch plan > ${path}' makes a plan`)
  }
}

function requireJson(text: string, path: string): void {
  try {
    JSON.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : error
    throw new Refusal(
      `${path} is no JSON: ${reason}; 'vouch plan' makes a plan, and a last step taken out of it leaves a comma to take out`,
    )
  }
}

/** Prints what becomes of the steps as it comes; the exit status. */
async function report(response: Response, flags: Flags, io: Io): Promise<number> {
  let summary: Extract<ApplyLine, { summary: object }>['summary'] | undefined
  for await (const lines of readLines(response, applyLine)) {
    for (const line of lines) if ('summary' in line) summary = line.summary
    const told = lines.filter((line) => !('progress' in line))
    const text = told.map((line) => (flags['json'] ? toJsonLine(line) : toRow(line))).join('')
    if (text !== '') await writeOut(io, text)
  }
  if (summary === undefined)
    throw new Broken('it broke off before the end of the plan; apply the plan again to go on')
  const { done, already, skipped, failed } = summary
  say(io, `${done} done, ${already} done before, ${skipped} skipped, ${failed} failed`)
  return failed > 0 ? 2 : skipped > 0 ? 1 : 0
}

function toRow(line: ApplyLine): string {
  if (!('outcome' in line)) return ''
  const { name, to, outcome, detail, unkept = [] } = line
  const reason = detail ?? (unkept.length > 0 ? toUnkeptWords(unkept) : undefined)
  const why = reason === undefined ? '' : `  (${printable(reason)})`
  return `${outcome} ${to} ${printable(name)}${why}\n`
}
