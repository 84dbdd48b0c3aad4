/** The limits of a mount, each with its reason. */

/** A request of the kernel: a name takes 1,024 bytes at most, and it asks for no less than this room. */
export const MAX_REQUEST_BYTES = 8192

/** Bytes in one answer to a read. */
export const MAX_READ_BYTES = 1024 * 1024

/** Requests that are answered at once: of so many threads of programs, and the others wait in the kernel. */
export const MAX_REQUESTS = 128

/** Files and folders that are open at once, as many as a process of Linux may open by default. */
export const MAX_HANDLES = 1024

/** Open files that keep a connection and the bytes they read last; others ask again when they are read. */
export const MAX_STREAMS = 64

/**
 * Bytes that an open file keeps behind the last one that was read, and skips rather than ask again: parts of
 * one read arrive out of order.
 */
export const WINDOW_BYTES = 512 * 1024

/** Bytes that are asked for where a program reads elsewhere than where it left off: it may do so again. */
export const PIECE_BYTES = 256 * 1024

/**
 * How long is shown of a file what a listing or an opening has found. The programs that list a folder ask for
 * each of its files next.
 */
export const SHOWN_MS = 1000
/** Such files, at some 300 bytes each. */
export const MAX_SHOWN = 10_000

/**
 * Files and folders that the kernel knows, of each so many, at some 500 bytes each. It looks up again what is
 * dropped, since it remembers no name.
 */
export const MAX_NODES = 100_000

/** The listing of one folder: some 400,000 files. It is held whole. */
export const MAX_FOLDER_BYTES = 128 * 1024 * 1024

/** How long `umount` may take, which waits for nothing. The end of this process fails all requests too. */
export const UNMOUNT_MS = 10_000
