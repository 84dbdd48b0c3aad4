import { requireName, withSource } from '../client/source.ts'
import { getFile, type Outcome, toWorst } from '../download/get-file.ts'
import type { Command } from '../options/command.ts'
import { readOptions } from '../options/declaration.ts'
import { CAT } from '../options/listing.ts'
import { sayOutcome } from '../terminal/get-report.ts'

export const cat: Command = {
  async run({ operands: [first, ...others], ...given }, io) {
    const options = readOptions(CAT, given)
    const names = [first, ...others].map((name) => requireName(name, 'cat'))
    return await withSource(options, io, {}, async ({ ask, query }) => {
      const statuses: Outcome['status'][] = []
      for (const name of names) {
        const outcome = await getFile({ name, query, ask, destination: 'stdout', io })
        sayOutcome(io, outcome)
        statuses.push(outcome.status)
      }
      return toWorst(statuses)
    })
  },
}
