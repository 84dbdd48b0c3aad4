import { status as schema, type VerifyRequest } from '../../../../functions/wire/schemas/ledger.ts'
import { escapeControls } from '../../../../functions/wire/text.ts'
import { say } from '../../../hosting/io.ts'
import { openNotifier } from '../../../hosting/notify.ts'
import { printAudit } from '../../check/print.ts'
import { readAnswer, readProblem, toUserError } from '../../client/coordinator-client.ts'
import { withSource } from '../../client/source.ts'
import type { Command } from '../../options/command.ts'
import { readOptions } from '../../options/declaration.ts'
import { VERIFY } from '../../options/records.ts'
import { toVerificationWords } from '../../terminal/verification-words.ts'

export const verify: Command = {
  async run(given, io) {
    const options = readOptions(VERIFY, given)
    const { maxAge, portion, rate, for: seconds } = options
    const request: VerifyRequest = { maxAge, portion, rate, seconds }
    const notifier = openNotifier(options, io)
    // The age chooses what to read; it is no condition of a comparison.
    return await withSource(
      { ...options, maxAge: undefined, excluded: given.excluded },
      io,
      { reads: 'bytes', isComparing: true },
      async ({ ask }) => {
        const response = await ask('/verify', { json: JSON.stringify(request) })
        if (response.status !== 200) throw toUserError(await readProblem(response))
        const status = await printAudit(response, '', { ...options, ...WHOLE }, io, notifier)
        const { verification, verifiesEvery } = await readAnswer(await ask('/status'), schema)
        if (verification !== null) say(io, escapeControls(toVerificationWords(verification, verifiesEvery)))
        return status
      },
    )
  },
}

/** All names, of which those that differ are printed. */
const WHOLE = { all: false, oneWay: false, noRollUp: false, match: [], exclude: [], excluded: [] }
