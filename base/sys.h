/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/sys: system calls that glibc 2.36 lacks, or whose wrapper we do not want, and feature
 * probes, each made once and cached. All leaf: >= 0 or -errno (never errno itself).
 */
#ifndef STIVA_BASE_SYS_H
#define STIVA_BASE_SYS_H

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Namespaces and processes. */
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
int sys_pivot_root(const char *new_root, const char *put_old);
int sys_pidfd_open(pid_t pid, unsigned flags);
int sys_pidfd_getfd(int pidfd, int fd, unsigned flags);
int sys_pidfd_send_signal(int pidfd, int sig);
int sys_close_range(unsigned first, unsigned last, unsigned flags);
int sys_execveat(int dir_fd, const char *path, char *const argv[], char *const envp[], int flags);
/* Session keyring: joins a new one with this name (NULL = anonymous). Return: serial or -errno. */
long sys_keyctl_join(const char *name);
long sys_keyctl_setperm(int32_t serial, uint32_t perm);

/* The new mount API (5.2 to 5.12). */
int sys_openat2(int dir_fd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int sys_open_tree(int dir_fd, const char *path, unsigned flags);
int sys_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int sys_fsopen(const char *fstype, unsigned flags);
int sys_fsconfig(int fs_fd, unsigned cmd, const char *key, const void *value, int aux);
int sys_fsmount(int fs_fd, unsigned flags, unsigned attr);
int sys_fspick(int dir_fd, const char *path, unsigned flags);
int sys_mount_setattr(int dir_fd, const char *path, unsigned flags, const struct mount_attr *attr,
		      size_t size);

/* The mount that fd lies on: an id that no other mount gets while the machine is up (6.8; before,
 * one that may come again after an unmount). -ENOENT when fd is not the root of its mount. */
int sys_mount_id(int fd, uint64_t *ret_id);

/* seccomp(2), bpf(2). */
int sys_seccomp(unsigned op, unsigned flags, void *arg);
int sys_bpf(int cmd, void *attr, unsigned size);

/* sched_setattr, set_mempolicy, ioprio_set, capset go where they are used (guard). */

/* Brings the loopback interface of the current network namespace up (one socket, two ioctls). */
int sys_loopback_up(void);

/* Probes. */
enum sys_feature {
	SYS_OPENAT2,	 /* 5.6, or blocked by an outer container */
	SYS_TIME_NS,	 /* 5.6 */
	SYS_CGROUP_NS,	 /* 4.6 */
	SYS_SECCOMP,	 /* filter mode */
	SYS_CGROUP_KILL, /* 5.14 */
	SYS_FEATURE_N
};
bool sys_has(enum sys_feature f);
/* Are we in another user namespace than the machine's first one? Then uid 0 is no host's root. */
bool sys_in_user_ns(void);
/* The machine's boot id, 36 characters + NUL. Return: 0 or -errno. */
int sys_boot_id(char ret[37]);

#endif
