import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Reply } from '../../../../functions/storage/remote/replies.ts'
import { toUnkeptWords } from '../../../../functions/wire/attributes.ts'
import { type ApplyLine, applyLine } from '../../../../functions/wire/schemas/plan.ts'
import { escapeControls } from '../../../../functions/wire/text.ts'
import { type Io, say, toJsonLine, writeOut } from '../../../hosting/io.ts'
import { toReason } from '../../../node/files/errno.ts'
import { UserError } from '../../../node/user-error.ts'
import { Broken, readProblem, toUserError } from '../../client/coordinator-client.ts'
import { readNdjson } from '../../client/ndjson.ts'
import { requireWritable, withSource } from '../../client/source.ts'
import type { Command } from '../../options/command.ts'
import { readOptions } from '../../options/declaration.ts'
import { APPLY } from '../../options/differences.ts'

export const apply: Command = {
  async run(given, io) {
    const options = readOptions(APPLY, given)
    const path = given.operand
    if (!path)
      throw new UserError(
        "apply takes PLAN, the file of a plan, got none; 'vouch plan > plan.json' makes one",
      )
    requireWritable(options, 'apply on --replica writes to them')
    const plan = await readPlan(path, io)
    return await withSource(options, io, {}, async ({ ask }) => {
      const response = await ask('/apply', { json: plan })
      if (response.status !== 200) {
        const problem = await readProblem(response)
        if (problem.type === 'invalid-body') requireJson(plan, path)
        throw toUserError(problem, problem.type === 'invalid-body' ? path : undefined)
      }
      return await report(response, options.json, io)
    })
  },
}

async function readPlan(path: string, io: Io): Promise<string> {
  try {
    return path === '-' ? await text(io.stdin) : await readFile(resolve(io.cwd, path), 'utf8')
  } catch (error) {
    throw new UserError(`cannot read ${path}: ${toReason(error)}; 'vouch plan > ${path}' makes a plan`, 'io')
  }
}

function requireJson(text: string, path: string): void {
  try {
    JSON.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : error
    throw new UserError(
      `${path} is not valid JSON: ${reason}; 'vouch plan' makes a plan; if you removed its last step, also remove the comma before it`,
    )
  }
}

/** Prints the outcome of each step as it arrives; returns the exit status. */
async function report(response: Reply, isJson: boolean, io: Io): Promise<number> {
  let summary: Extract<ApplyLine, { summary: object }>['summary'] | undefined
  for await (const lines of readNdjson(response, applyLine)) {
    for (const line of lines) if ('summary' in line) summary = line.summary
    const shown = lines.filter((line) => !('progress' in line))
    const text = shown.map((line) => (isJson ? toJsonLine(line) : toRow(line))).join('')
    if (text !== '') await writeOut(io, text)
  }
  if (summary === undefined)
    throw new Broken('the response broke off before the end of the plan; apply the plan again to continue')
  const { done, already, skipped, failed } = summary
  say(io, `${done} done, ${already} done before, ${skipped} skipped, ${failed} failed`)
  return failed > 0 ? 2 : skipped > 0 ? 1 : 0
}

function toRow(line: ApplyLine): string {
  if (!('outcome' in line)) return ''
  const { name, from, to, outcome, detail, unkept = [] } = line
  const reason = detail ?? (unkept.length > 0 ? toUnkeptWords(unkept) : undefined)
  const why = reason === undefined ? '' : `  (${escapeControls(reason)})`
  const names = from === undefined ? name : `${from} -> ${name}`
  return `${outcome} ${to} ${escapeControls(names)}${why}\n`
}
