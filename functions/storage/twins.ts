/** Folds case and Unicode normal form, in which some file systems do not distinguish names. */
export function toFolded(name: string): string {
  return name.normalize('NFD').toUpperCase().toLowerCase().normalize('NFC')
}

/** How two different names differ, when only in case or normal form; null otherwise. */
export function findDifference(a: string, b: string): 'case' | 'Unicode normalization' | null {
  if (toFolded(a) !== toFolded(b)) return null
  return a.normalize('NFC') === b.normalize('NFC') ? 'Unicode normalization' : 'case'
}
