/**
 * Bytes of a response body: Lambda takes responses of 6 MB, base64 makes four bytes of three, and 0.3 MB are
 * left for the header fields.
 */
export const MAX_ANSWER_BYTES = 4_200_000
