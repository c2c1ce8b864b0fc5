/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/seal: the re-exec from a sealed memfd. It must not know verbs or containers. Called
 * by main.c before anything else is done for create, run and exec.
 */
#include "runtime/cli/seal.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/sys.h"
#include "base/ban.h"

/* Linux 6.3, newer than the headers of Debian 12. */
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/*
 * How much of the file a copy needs: up to the end of the last segment that is loaded. What follows
 * are symbols and debug information, which would be most of the copy. 0 = not known.
 */
static size_t loaded_size(void)
{
	const ElfW(Phdr) *ph = (const void *)getauxval(AT_PHDR);
	unsigned long n = getauxval(AT_PHNUM);
	size_t end = 0;

#ifdef __SANITIZE_ADDRESS__
	return 0; /* the reports want the symbols */
#endif
	for (unsigned long i = 0; ph && i < n; i++) {
		size_t to = (size_t)(ph[i].p_offset + ph[i].p_filesz);
		if (ph[i].p_type == PT_LOAD && to > end)
			end = to;
	}
	return end;
}

static int copy_all(int from_fd, int to_fd)
{
	size_t left = loaded_size();
	struct stat st;

	if (left == 0) {
		if (fstat(from_fd, &st) < 0)
			return -errno;
		left = (size_t)st.st_size;
	}
	while (left > 0) {
		ssize_t n = sendfile(to_fd, from_fd, NULL, left);
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		left -= (size_t)n;
	}
	return 0;
}

/* Return: an fd of a sealed copy of self_fd (owned by the caller), or -e->code. */
static int make_memfd(int self_fd, struct err *e)
{
	int seals = SEALS | F_SEAL_EXEC;
	AUTO_FD fd = memfd_create("stiva", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	int r;

	if (fd < 0 && errno == EINVAL) { /* before Linux 6.3 */
		seals = SEALS;
		fd = memfd_create("stiva", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	}
	if (fd < 0)
		return err_sys(e, errno, "memfd_create (is vm.memfd_noexec 2?)");
	r = copy_all(self_fd, fd);
	if (r < 0)
		return err_sys(e, r, "copy the runtime");
	if (fcntl(fd, F_ADD_SEALS, seals) < 0)
		return err_sys(e, errno, "seal the copy of the runtime");
	return fd_take(&fd);
}

/* After execveat(2) the process would be called by the fd's number, or by the memfd's name. */
static int is_sealed(void)
{
	prctl(PR_SET_NAME, "stiva");
	return 0;
}

int cmd_seal(char *const argv[], struct err *e)
{
	AUTO_FD self_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	AUTO_FD copy_fd = FD_NONE;
	int seals, overlay;

	if (self_fd < 0)
		return err_sys(e, errno, "open \"/proc/self/exe\"");
	/* EINVAL on what is no memfd; a file of a tmpfs has F_SEAL_SEAL alone. */
	seals = fcntl(self_fd, F_GET_SEALS);
	if (seals >= 0 && (seals & SEALS) == SEALS)
		return is_sealed();
	copy_fd = make_memfd(self_fd, e);
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
