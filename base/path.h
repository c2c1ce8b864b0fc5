/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/path: the one module that resolves paths inside a tree that an attacker may own
 * (security.md rules P1, P12, P13). Takes (root fd, path), gives an fd; never resolves a string
 * twice. openat2(RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS) with EAGAIN retries; where openat2 is
 * blocked (ENOSYS, EPERM) a component walk with its own symlink stack (at most 40) gives the same
 * answers. `STIVA_NO_OPENAT2=1` in a test build forces the walk.
 *
 * All functions are leaf: >= 0 or -errno. Returned fds are CLOEXEC and owned by the caller.
 */
#ifndef STIVA_BASE_PATH_H
#define STIVA_BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Opens `path` (absolute means from the root) inside root_fd, following links inside it. flags as
 * open(2) (O_CLOEXEC added); no O_CREAT. */
int path_open_in(int root_fd, const char *path, int flags);
/* As path_open_in, but a final symlink is not followed (with O_PATH|O_NOFOLLOW gives the link). */
int path_open_in_nofollow(int root_fd, const char *path, int flags);
/*
 * Makes every missing component as a directory (mode, not cut by umask; owner uid:gid of the
 * caller) and returns an O_PATH fd of the last. An existing directory keeps its mode. A dangling
 * symlink on the way is followed inside the root and its target made. -ENOTDIR if a component is a
 * file.
 */
int path_mkdirs_in(int root_fd, const char *path, mode_t mode);
/* Makes the parents, then the file (empty, `mode`) if it is not there; an existing non-directory is
 * kept as it is. Returns an O_PATH fd of it. -EISDIR when a directory is there. */
int path_mkfile_in(int root_fd, const char *path, mode_t mode);
/*
 * Opens the directory which holds the last component of `path` (parents made with mode 0755 if
 * make_parents) and copies that component into ret_name (NAME_MAX + 1 bytes). The last component
 * may not be "", "." or ".." (-EINVAL). For mknodat, symlinkat, unlinkat.
 */
int path_parent_in(int root_fd, const char *path, bool make_parents, char *ret_name);
/* Copies `path` with "//", "/./" and trailing "/" removed, ".." taken lexically and never above
 * "/", always starting with "/". Return: length or -ENAMETOOLONG. */
int path_clean(const char *path, char *ret, size_t size);
/* True for a non-empty name without '/', not "." or "..". */
bool path_is_name(const char *name);

/* For tests: true makes the functions above resolve by the walk alone, as if openat2 were blocked.
 */
void path_test_force_walk(bool on);

#endif
