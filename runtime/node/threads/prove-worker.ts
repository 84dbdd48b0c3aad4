import { createHmac } from 'node:crypto'
import { closeSync } from 'node:fs'
import type { Proof } from '../../../functions/storage/storage.ts'
import { changedWhileReadError } from '../../../functions/wire/errors.ts'
import { readInto } from '../digests/file-digest.ts'
import type { HashProgress } from '../disk/disk-messages.ts'
import { createHashControl } from '../disk/hash-control.ts'
import type { ProveOrder, ProveWorkerData } from '../disk/prover.ts'
import { toIoError } from '../files/errno.ts'
import { createExactNames } from '../files/exact-names.ts'
import { openFile } from '../files/regular-file.ts'
import { isOwn } from '../files/root.ts'
import { MAX_ATTEMPTS } from '../limits.ts'
import { runProgram } from './program.ts'

// A thread that proves one file after the other, and can be stopped between two reads.

runProgram<ProveWorkerData, ProveOrder, Proof | null, HashProgress>(({ control }, report) => {
  const { isStopped } = createHashControl(control)
  const exact = createExactNames()

  function tryProve({ place, name, nonce }: ProveOrder): Proof | null | 'changed' {
    const file = isOwn(place, name) ? null : openFile(place, name)
    if (file === null) return null
    try {
      if (!exact.isListedBelow(place, name)) return null
      const { size } = file.identity
      const onRead = (bytes: number) => report({ bytes, size })
      const proof = readInto(createHmac('sha256', Buffer.from(nonce, 'hex')), file, { isStopped, onRead })
      return proof === null ? 'changed' : { size, proof }
    } finally {
      closeSync(file.fd)
    }
  }

  function prove(order: ProveOrder): Proof | null {
    exact.begin()
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const proof = tryProve(order)
      if (proof !== 'changed') return proof
    }
    throw changedWhileReadError()
  }

  return {
    answer(order) {
      try {
        return prove(order)
      } catch (error) {
        throw toIoError(error, 'read')
      }
    },
  }
})
