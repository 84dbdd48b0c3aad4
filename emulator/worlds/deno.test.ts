import { DENO_OPTIONS } from './hosts.ts'
import { describeProcesses } from './processes.suite.ts'

describeProcesses('on Deno', [process.env['VOUCH_DENO'] ?? 'deno', 'run', ...DENO_OPTIONS])
