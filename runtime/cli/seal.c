/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/seal: the re-exec from a sealed memfd. It must not know verbs or containers. Called
 * by main.c before anything else is done for create, run and exec.
 */
#include "runtime/cli/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/sys.h"
#include "base/ban.h"

/* Return: an fd of a sealed copy of self_fd (owned by the caller), or -e->code. */
static int make_memfd(int self_fd, bool is_launch, struct err *e)
{
	const ElfW(Phdr) *phdr = (const void *)getauxval(AT_PHDR);
	unsigned long n_phdr = getauxval(AT_PHNUM);
	struct cmd_seal_image image = {0};
	const char *step;
	struct stat st;
	int fd;

	if (fstat(self_fd, &st) < 0)
		return err_sys(e, errno, "size of the runtime");
	if (!is_launch || !cmd_seal_image_launch(phdr, n_phdr, &image)) {
#ifdef __SANITIZE_ADDRESS__ /* its reports want the symbols */
		image.size = (size_t)st.st_size;
#else
		cmd_seal_image_whole(phdr, n_phdr, &image);
#endif
	}
	fd = cmd_seal_memfd(self_fd, &image, &step);
	return fd < 0 ? err_sys(e, fd, "%s", step) : fd;
}

/* After execveat(2) the process would be called by the fd's number, or by the memfd's name. */
static int is_sealed(void)
{
	prctl(PR_SET_NAME, "stiva");
	return 0;
}

int cmd_seal(char *const argv[], bool is_launch, struct err *e)
{
	AUTO_FD self_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	AUTO_FD copy_fd = FD_NONE;
	int overlay;

	if (self_fd < 0)
		return err_sys(e, errno, "open \"/proc/self/exe\"");
	if (cmd_seal_is(self_fd))
		return is_sealed();
	copy_fd = make_memfd(self_fd, is_launch, e);
	if (copy_fd < 0) {
		/* vm.memfd_noexec=2, or a seccomp profile around us. Asked only now, so that it
		 * costs nothing where memfds work. */
		if (cmd_seal_overlay_is(self_fd)) {
			err_clear(e);
			return is_sealed();
		}
		overlay = cmd_seal_overlay(self_fd);
		if (overlay < 0)
			return err_prefix(e, "no overlay of the runtime (%s), no sealed copy",
					  err_words(overlay));
		fd_replace(&copy_fd, overlay);
	}
	return err_sys(e, sys_execveat(copy_fd, "", argv, environ, AT_EMPTY_PATH),
		       "execute the sealed copy of the runtime");
}
