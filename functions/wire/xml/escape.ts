/** A text for XML 1.0, which has no place for most controls: each becomes U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/[\t\n\r]/g, (white) => `&#${white.charCodeAt(0)};`)
    .replace(/[\x00-\x1f\ufffe\uffff]/g, '\ufffd')
}
