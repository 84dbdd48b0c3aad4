import { createDiskProgram } from '../disk/disk-program.ts'
import { runProgram } from './program.ts'

runProgram(createDiskProgram)
