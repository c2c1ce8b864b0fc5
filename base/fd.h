/* SPDX-License-Identifier: Apache-2.0 */
/* base/fd: reading and writing fds in full, passing them, sweeping them. All leaf functions. */
#ifndef STIVA_BASE_FD_H
#define STIVA_BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Writes all n bytes (EINTR and short writes handled). Return: 0 or -errno. */
int fd_write_all(int fd, const void *p, size_t n);
/* Reads until n bytes or end of file. Return: bytes read or -errno. */
ssize_t fd_read_all(int fd, void *p, size_t n);
/* A CLOEXEC SOCK_SEQPACKET pair. Return: 0 or -errno; fds[] untouched on failure. */
int fd_seqpacket_pair(int ret_fds[2]);
/* Sends n bytes with up to FD_PASS_MAX fds (SCM_RIGHTS). Return: 0 or -errno. */
#define FD_PASS_MAX 16
int fd_send(int sock_fd, const void *p, size_t n, const int *fds, size_t n_fds);
/*
 * Receives one message; fds arrive CLOEXEC, at most *inout_n_fds of them (surplus is closed and
 * makes -EMSGSIZE; a truncated message too). Return: bytes (0 = peer closed) or -errno.
 */
ssize_t fd_recv(int sock_fd, void *p, size_t n, int *ret_fds, size_t *inout_n_fds);
/* Connects to a unix stream socket by path; paths over 107 bytes go through an O_PATH fd of their
 * directory. Return: fd or -errno. */
int fd_unix_connect(const char *path);
/* Sets or clears CLOEXEC. Return: 0 or -errno. */
int fd_set_cloexec(int fd, bool on);
/* Marks every fd >= first CLOEXEC (close_range, with a /proc/self/fd walk where it is blocked). */
int fd_cloexec_from(int first);
/* Opens /dev/null in place of each of 0, 1, 2 that is closed. Return: 0 or -errno. */
int fd_secure_stdio(void);
/* "/proc/self/fd/N" into a caller's buffer of FD_PROC_MAX bytes: only for system calls which take
 * no fd (bind, connect, execve's script path). Return: buf. */
#define FD_PROC_MAX 32
char *fd_proc_path(int fd, char buf[FD_PROC_MAX]);

#endif
