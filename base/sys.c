/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/sys: raw system calls as leaf functions, and what this kernel can do.
 * It must not know why a call is made. Called by every room but spec.
 */
#include "base/sys.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/file.h"
#include "base/num.h"
#include "base/ban.h"

/* libc's syscall() gives -1 and errno; the leaf convention is -errno. */
static inline long leaf(long r)
{
	return r == -1 ? -errno : r;
}

int sys_pivot_root(const char *new_root, const char *put_old)
{
	return (int)leaf(syscall(SYS_pivot_root, new_root, put_old));
}

int sys_pidfd_open(pid_t pid, unsigned flags)
{
	return (int)leaf(syscall(SYS_pidfd_open, pid, flags));
}

int sys_pidfd_getfd(int pidfd, int fd, unsigned flags)
{
	return (int)leaf(syscall(SYS_pidfd_getfd, pidfd, fd, flags));
}

int sys_pidfd_send_signal(int pidfd, int sig)
{
	return (int)leaf(syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0));
}

int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
	return (int)leaf(syscall(SYS_close_range, first, last, flags));
}

int sys_execveat(int dir_fd, const char *path, char *const argv[], char *const envp[], int flags)
{
	return (int)leaf(syscall(SYS_execveat, dir_fd, path, argv, envp, flags));
}

long sys_keyctl_join(const char *name)
{
	return leaf(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name, 0, 0, 0));
}

long sys_keyctl_setperm(int32_t serial, uint32_t perm)
{
	return leaf(syscall(SYS_keyctl, KEYCTL_SETPERM, serial, perm, 0, 0));
}

int sys_openat2(int dir_fd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};

	return (int)leaf(syscall(SYS_openat2, dir_fd, path, &how, sizeof(how)));
}

int sys_open_tree(int dir_fd, const char *path, unsigned flags)
{
	return (int)leaf(syscall(SYS_open_tree, dir_fd, path, flags));
}

int sys_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	return (int)leaf(syscall(SYS_move_mount, from_fd, from, to_fd, to, flags));
}

int sys_fsopen(const char *fstype, unsigned flags)
{
	return (int)leaf(syscall(SYS_fsopen, fstype, flags));
}

int sys_fsconfig(int fs_fd, unsigned cmd, const char *key, const void *value, int aux)
{
	return (int)leaf(syscall(SYS_fsconfig, fs_fd, cmd, key, value, aux));
}

int sys_fsmount(int fs_fd, unsigned flags, unsigned attr)
{
	return (int)leaf(syscall(SYS_fsmount, fs_fd, flags, attr));
}

int sys_fspick(int dir_fd, const char *path, unsigned flags)
{
	return (int)leaf(syscall(SYS_fspick, dir_fd, path, flags));
}

int sys_mount_setattr(int dir_fd, const char *path, unsigned flags, const struct mount_attr *attr,
		      size_t size)
{
	return (int)leaf(syscall(SYS_mount_setattr, dir_fd, path, flags, attr, size));
}

int sys_mount_id(int fd, uint64_t *ret_id)
{
	const unsigned unique = 0x4000; /* STATX_MNT_ID_UNIQUE; older kernels ignore it */
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, unique | STATX_MNT_ID, &st) < 0)
		return -errno;
	if (!(st.stx_mask & (unique | STATX_MNT_ID)))
		return -ENOSYS;
	if (!(st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return -ENOENT;
	*ret_id = st.stx_mnt_id;
	return 0;
}

int sys_seccomp(unsigned op, unsigned flags, void *arg)
{
	return (int)leaf(syscall(SYS_seccomp, op, flags, arg));
}

int sys_bpf(int cmd, void *attr, unsigned size)
{
	return (int)leaf(syscall(SYS_bpf, cmd, attr, size));
}

int sys_loopback_up(void)
{
	struct ifreq req = {.ifr_name = "lo"};
	/* Interface ioctls work on a socket of any family; a unix one is the cheapest to make and
	 * needs no IPv4 in the kernel. */
	AUTO_FD fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCGIFFLAGS, &req) < 0)
		return -errno;
	if (req.ifr_flags & IFF_UP)
		return 0;
	req.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &req) < 0 ? -errno : 0;
}

static bool probe_openat2(void)
{
	AUTO_FD fd = sys_openat2(AT_FDCWD, "/", O_PATH | O_CLOEXEC, 0, RESOLVE_IN_ROOT);

	/* Any other answer than "no such call" or a filter's refusal comes from the call itself. */
	return fd != -ENOSYS && fd != -EPERM;
}

static bool probe_seccomp(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return sys_seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/* Kernel version of uname(2) at least this? For what cannot be asked without an object at hand. */
static bool kernel_at_least(uint64_t major, uint64_t minor)
{
	struct utsname u;
	uint64_t v[2] = {0, 0};
	const char *s;

	if (uname(&u) < 0)
		return false;
	s = u.release;
	for (int i = 0; i < 2; i++) {
		size_t n = strspn(s, "0123456789");

		if (num_u64n(s, n, &v[i]) < 0)
			return false;
		s += n;
		s += *s == '.';
	}
	return v[0] > major || (v[0] == major && v[1] >= minor);
}

static bool probe(enum sys_feature f)
{
	switch (f) {
	case SYS_OPENAT2:
		return probe_openat2();
	case SYS_TIME_NS:
		return faccessat(AT_FDCWD, "/proc/self/ns/time", F_OK, 0) == 0;
	case SYS_CGROUP_NS:
		return faccessat(AT_FDCWD, "/proc/self/ns/cgroup", F_OK, 0) == 0;
	case SYS_SECCOMP:
		return probe_seccomp();
	case SYS_CGROUP_KILL:
		return kernel_at_least(5, 14);
	case SYS_FEATURE_N:
		break;
	}
	return false;
}

bool sys_has(enum sys_feature f)
{
	static signed char known[SYS_FEATURE_N]; /* 0 = not asked yet, 1 = yes, -1 = no */

	if ((unsigned)f >= SYS_FEATURE_N)
		return false;
	if (known[f] == 0)
		known[f] = probe(f) ? 1 : -1;
	return known[f] > 0;
}

bool sys_in_user_ns(void)
{
	/* PROC_USER_INIT_INO of linux/proc_ns.h, as old as the files of /proc/PID/ns. */
	static const ino_t first = 0xEFFFFFFD;
	static signed char known; /* 0 = not asked yet, 1 = yes, -1 = no */
	struct stat st;

	if (known == 0)
		known = stat("/proc/self/ns/user", &st) == 0 && st.st_ino != first ? 1 : -1;
	return known > 0;
}

int sys_boot_id(char ret[37])
{
	/* One verb compares it with several processes; it does not change while we live. */
	static char known[37];
	char text[64];

	if (!known[0]) {
		int n = file_read_kernel(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text,
					 sizeof(text));

		if (n < 0)
			return n;
		if (n < 36)
			return -EIO;
		memcpy(known, text, 36);
	}
	memcpy(ret, known, sizeof(known));
	return 0;
}
