import { join } from 'node:path'
import { onTestFinished, vi } from 'vitest'
import { describeStepLedger } from '../../../functions/coordinator/steps/steps.suite.ts'
import { useTemporaryDirectory } from '../temporary-directory.suite.ts'
import { openSqliteLedger } from './sqlite-ledger.ts'

// So small that a few dozen names are several spans.
vi.mock('../../../functions/wire/limits.ts', async (load) => ({
  ...(await load<typeof import('../../../functions/wire/limits.ts')>()),
  SPAN_GRAINS: [3, 2, 1],
  MAX_SURVEY_RANGES: 2,
  MAX_SPAN_NAMES: 6,
  MAX_LISTING_PAGE: 5,
  AUDIT_BATCH_NAMES: 3,
  LEDGER_PAGE: 4,
}))

describeStepLedger(
  'runs in steps, in SQLite',
  () => {
    const ledger = openSqliteLedger(join(useTemporaryDirectory(), 'ledger.sqlite'))
    onTestFinished(() => ledger.close())
    return ledger
  },
  60,
)
