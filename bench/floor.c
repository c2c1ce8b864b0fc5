/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/floor write FILE TEXT: the bare write that an update of one limit cannot do without.
 * bench/floor ROOTFS CGROUPDIR [PROGRAM]: the least that any runtime must ask of the kernel to run
 * a program in a container: what bench/run compares all runtimes with. CGROUPDIR is made and
 * removed. No configuration, no state on disk, no checks, no security beyond the namespaces: never
 * use it as a runtime. It must not know stiva; it includes nothing of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC)

static _Noreturn void fail(const char *what)
{
	dprintf(STDERR_FILENO, "floor: %s: %s\n", what, strerror(errno));
	_exit(125);
}

static _Noreturn void child(const char *rootfs, char *program)
{
	char *argv[] = {program, NULL}, *envp[] = {NULL};

	if (unshare(CLONE_NEWCGROUP) < 0)
		fail("unshare the cgroup namespace");
	/* Nothing of what follows may reach the host. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		fail("make the mounts private");
	if (mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL) < 0 || chdir(rootfs) < 0)
		fail("bind the root");
	if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		fail("mount proc");
	if (mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=65536k") < 0)
		fail("mount a tmpfs");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		fail("pivot_root");
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		fail("leave the old root");
	execve(program, argv, envp);
	fail(program);
}

static int bare_write(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) < 0)
		fail(file);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "write") == 0)
		return bare_write(argv[2], argv[3]);
	if (argc < 3 || argc > 4) {
		dprintf(STDERR_FILENO, "usage: floor ROOTFS CGROUPDIR [PROGRAM]\n");
		return 2;
	}
	char true_path[] = "/bin/true";
	int status;

	if (mkdir(argv[2], 0755) < 0)
		fail(argv[2]);
	int cgroup = open(argv[2], O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (cgroup < 0)
		fail(argv[2]);
	struct clone_args args = {
		.flags = NAMESPACES | CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		fail("clone3");
	if (pid == 0)
		child(argv[1], argc == 4 ? argv[3] : true_path);
	if (waitpid((pid_t)pid, &status, 0) < 0)
		fail("wait");
	if (rmdir(argv[2]) < 0)
		fail("remove the cgroup");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
