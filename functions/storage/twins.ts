/** Equal for names that a file system may take for one another: those that differ only in case or normal form. */
export function toFolded(name: string): string {
  return name.normalize('NFD').toUpperCase().toLowerCase().normalize('NFC')
}

/** In what alone two names differ that are not the same; null when they differ in more than case and normal form. */
export function findDifference(a: string, b: string): 'case' | 'Unicode normalization' | null {
  if (toFolded(a) !== toFolded(b)) return null
  return a.normalize('NFC') === b.normalize('NFC') ? 'Unicode normalization' : 'case'
}
