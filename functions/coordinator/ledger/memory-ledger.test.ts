import { describeLedger } from './ledger.suite.ts'
import { createMemoryLedger } from './memory-ledger.suite.ts'

describeLedger('a ledger in memory', createMemoryLedger)
