import { describeIndex, describeUnreadable } from './hosts.suite.ts'
import { describeProcesses } from './processes.suite.ts'

const bun = [process.env['VOUCH_BUN'] ?? 'bun']

describeProcesses('on Bun', { coordinator: bun, hasDirectory: true, replica: bun })
describeIndex('on Bun', bun)
describeUnreadable('on Bun', bun)
