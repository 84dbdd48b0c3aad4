/** What helps when a coordinator cannot be reached, by the reason (an error type of RFC 9209 §2.3). */
const OF_REASON: Readonly<Record<string, string>> = {
  connection_refused: "is it running? 'vouch coordinator' starts one, and --coordinator names another",
  connection_terminated: 'if it serves https, the address begins with https://',
  connection_timeout: 'is the address right, and does no firewall stand before it?',
  destination_unavailable: 'is the address right? --coordinator names another',
  destination_ip_unroutable: 'is this machine on the right network?',
  dns_error: 'is the name of the host right? --coordinator names another',
  dns_timeout: 'does this machine have a name server?',
  tls_certificate_error:
    '--ca names an authority to trust, and --coordinator takes the name in the certificate',
  tls_alert_received: '--client-cert and --client-key show the certificate that it may want',
  tls_protocol_error: 'if it serves no https, the address begins with http://',
}

/** What helps when a server answers with a problem, by its type. */
const OF_PROBLEM: Readonly<Record<string, string>> = {
  misdirected: 'ask it by its number or as localhost, or start it with --token-file',
  overloaded: 'run it again in a moment',
  'read-only': 'a server takes writes when it was started with --writable',
  'too-few-answers': 'run it again when they answer, or let --require ask for fewer',
  unauthorized: 'show one of its tokens with --token-file or VOUCH_TOKEN',
}

/** `message` and, behind a semicolon, what to do next after a failure of the network for this reason. */
export function adviseOnReason(message: string, reason: string): string {
  return advise(message, OF_REASON, reason)
}

/** The same after a problem of this type. */
export function adviseOnProblem(message: string, type: string): string {
  return advise(message, OF_PROBLEM, type)
}

/** What there is advice for comes from elsewhere, and may be what every object has, as `constructor`. */
function advise(message: string, table: Readonly<Record<string, string>>, key: string): string {
  return Object.hasOwn(table, key) ? `${message}; ${table[key]}` : message
}
