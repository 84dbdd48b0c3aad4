/**
 * Bytes of an answer's body: Lambda takes 6 MB of an answer, of which base64 makes four of three, and 0.3 MB are left
 * for the fields.
 */
export const MAX_ANSWER_BYTES = 4_200_000
