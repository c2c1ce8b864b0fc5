// SPDX-License-Identifier: Apache-2.0
/* probe: what the kernel answers: single system calls, opens, clocks, mount flags, keyrings. */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>
#include "probe.h"

static void answer(const char *what, long r)
{
	if (r < 0)
		printf("%s %s\n", what, strerrorname_np(errno));
	else
		printf("%s ok\n", what);
}

/* syscall NAME-OR-NUMBER ARGS...: only the calls which tests need have a name. */
static const struct {
	const char *name;
	long number;
} calls[] = {
	{"mkdir", SYS_mkdir},
	{"getppid", SYS_getppid},
	{"personality", SYS_personality},
	{"mount", SYS_mount},
	{"unshare", SYS_unshare},
	{"setns", SYS_setns},
	{"keyctl", SYS_keyctl},
	{"socket", SYS_socket},
	{"clone3", 435},
	{"openat2", 437},
	{"fchmodat2", 452},
	{"bpf", SYS_bpf},
	{"umount2", SYS_umount2},
	{"sethostname", SYS_sethostname},
	{"getcwd", SYS_getcwd},
	{"chown", SYS_chown},
	{"io_uring_setup", 425},
	{"reboot", SYS_reboot},
	{"swapon", SYS_swapon},
	{"getpriority", SYS_getpriority},
	{"ptrace", SYS_ptrace},
};

static int cmd_syscall(int argc, char **argv)
{
	long a[6] = {0}, nr = -1;

	if (argc < 2)
		return 2;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(argv[1], calls[i].name) == 0)
			nr = calls[i].number;
	if (nr < 0)
		nr = number(argv[1]);
	for (int i = 2; i < argc && i < 8; i++)
		a[i - 2] = argv[i][0] == '/' ? (long)argv[i] : number(argv[i]);
	answer(argv[1], syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]));
	return 0;
}

/* open FLAGS PATH...: FLAGS of r, w, rw; "PATH ok" or "PATH ERRNO" */
static int cmd_open(int argc, char **argv)
{
	int flags = O_NONBLOCK | O_CLOEXEC | O_NOCTTY;

	if (argc < 3)
		return 2;
	flags |= !strcmp(argv[1], "r") ? O_RDONLY : !strcmp(argv[1], "w") ? O_WRONLY : O_RDWR;
	for (int i = 2; i < argc; i++) {
		int fd = open(argv[i], flags);

		answer(argv[i], fd);
		if (fd >= 0)
			close(fd);
	}
	return 0;
}

/* mknod TYPE MAJOR MINOR PATH */
static int cmd_mknod(int argc, char **argv)
{
	mode_t type;

	if (argc < 5)
		return 2;
	type = argv[1][0] == 'b' ? S_IFBLK : argv[1][0] == 'p' ? S_IFIFO : S_IFCHR;
	answer("mknod", mknod(argv[4], type | 0666,
			      makedev((unsigned)number(argv[2]), (unsigned)number(argv[3]))));
	return 0;
}

/* node PATH...: "PATH TYPE MAJOR:MINOR MODE UID:GID" */
static int cmd_node(int argc, char **argv)
{
	struct stat st;

	for (int i = 1; i < argc; i++) {
		const char *type;

		if (lstat(argv[i], &st) < 0) {
			answer(argv[i], -1);
			continue;
		}
		type = S_ISCHR(st.st_mode)    ? "c"
		       : S_ISBLK(st.st_mode)  ? "b"
		       : S_ISFIFO(st.st_mode) ? "p"
		       : S_ISLNK(st.st_mode)  ? "l"
		       : S_ISDIR(st.st_mode)  ? "d"
					      : "f";
		printf("%s %s %u:%u %04o %u:%u\n", argv[i], type, major(st.st_rdev),
		       minor(st.st_rdev), st.st_mode & 07777, st.st_uid, st.st_gid);
	}
	return 0;
}

static const struct {
	const char *name;
	unsigned long bit;
} vfs_flags[] = {
	{"ro", ST_RDONLY},
	{"nosuid", ST_NOSUID},
	{"nodev", ST_NODEV},
	{"noexec", ST_NOEXEC},
	{"sync", ST_SYNCHRONOUS},
	{"noatime", ST_NOATIME},
	{"nodiratime", ST_NODIRATIME},
	{"relatime", ST_RELATIME},
	{"nosymfollow", 0x2000},
};

/* mount PATH...: "PATH TYPE-IN-HEX FLAGS..." by statfs */
static int cmd_mount(int argc, char **argv)
{
	struct statfs s;

	for (int i = 1; i < argc; i++) {
		if (statfs(argv[i], &s) < 0) {
			answer(argv[i], -1);
			continue;
		}
		printf("%s %lx", argv[i], (unsigned long)s.f_type);
		for (size_t k = 0; k < sizeof(vfs_flags) / sizeof(vfs_flags[0]); k++)
			if ((unsigned long)s.f_flags & vfs_flags[k].bit)
				printf(" %s", vfs_flags[k].name);
		printf("\n");
	}
	return 0;
}

static int cmd_clock(int argc, char **argv)
{
	struct timespec mono, boot;

	(void)argc;
	(void)argv;
	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	printf("monotonic %ld\nboottime %ld\n", (long)mono.tv_sec, (long)boot.tv_sec);
	return 0;
}

/* The session keyring's description: "keyring;UID;GID;PERM;NAME" */
static int cmd_keyring(int argc, char **argv)
{
	char text[256] = "";
	long id = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);

	(void)argc;
	(void)argv;
	if (id < 0 || syscall(SYS_keyctl, KEYCTL_DESCRIBE, id, text, sizeof(text) - 1) < 0)
		die("keyctl");
	printf("%ld %s\n", id, text);
	return 0;
}

/* write PATH TEXT: "PATH ok" or "PATH ERRNO", without creating the file */
static int cmd_write(int argc, char **argv)
{
	int fd;

	if (argc < 3)
		return 2;
	fd = open(argv[1], O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	answer(argv[1], fd < 0 ? -1 : (long)write(fd, argv[2], strlen(argv[2])));
	return 0;
}

const struct probe_command commands_sys[] = {
	{"syscall", cmd_syscall, "NAME ARGS..."},
	{"open", cmd_open, "r|w|rw PATH..."},
	{"write", cmd_write, "PATH TEXT"},
	{"mknod", cmd_mknod, "c|b|p MAJOR MINOR PATH"},
	{"node", cmd_node, "PATH..."},
	{"mount", cmd_mount, "PATH..."},
	{"clock", cmd_clock, ""},
	{"keyring", cmd_keyring, ""},
	{NULL, NULL, NULL},
};
