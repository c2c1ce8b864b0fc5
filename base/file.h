/* SPDX-License-Identifier: Apache-2.0 */
/* base/file: whole small files at a directory fd. All leaf: >= 0 or -errno. Names are single
 * components unless said otherwise. */
#ifndef STIVA_BASE_FILE_H
#define STIVA_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/mem.h"

/* Reads a regular file (O_NOFOLLOW, O_NONBLOCK, then S_ISREG) of at most max bytes into out
 * (appended, NUL-terminated). -EISDIR, -EFBIG when larger, -EINVAL when not a regular file. */
int file_read_at(int dir_fd, const char *name, size_t max, struct buf *out);
/* Reads a file that the caller named on the command line: any path, links followed, pipes too. */
int file_read_path(const char *path, size_t max, struct buf *out);
/* As file_read_at for a kernel file (procfs, cgroupfs, sysfs; no regular-size check), path may have
 * several components, resolved from dir_fd. */
int file_read_kernel(int dir_fd, const char *path, char *ret, size_t size); /* bytes, NUL added */
/* Writes `text` with one write(2) to an existing kernel file. */
int file_write_kernel(int dir_fd, const char *path, const char *text);
/* Atomic replace: temporary file in the same directory, write, rename. The old content stays whole
 * on any failure, and no temporary file stays behind. */
int file_replace_at(int dir_fd, const char *name, const void *p, size_t n, mode_t mode);
/* flock(2) on an fd with a deadline; wait_ms 0 = try once. -EBUSY when the deadline passes. */
int file_lock(int fd, bool exclusive, unsigned wait_ms);
/* The same for pid files of engines: absolute or relative path of the caller's, atomic (".name"
 * then rename). */
int file_replace_path(const char *path, const void *p, size_t n, mode_t mode);

#endif
