import { createTreeProgram } from '../tree/tree-program.ts'
import { runProgram } from './program.ts'

runProgram(createTreeProgram)
