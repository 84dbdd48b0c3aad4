import { describeProcesses } from './processes.suite.ts'

describeProcesses('on Bun', [process.env['VOUCH_BUN'] ?? 'bun'])
