/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/seal_start: makes the sealed copy, and does so before the C library is awake. The
 * first of our two lives only copies itself and execs the copy: glibc's own start would be most of
 * its cost (it asks for some 100 CPUID leaves, each a trip to the hypervisor in a virtual machine:
 * 0.3 ms). So the linker's entry point is cmd_seal_start (see the Makefile; x86-64, static), which
 * goes on to the C library's _start when there is nothing to copy or the copy fails: then main.c
 * calls cmd_seal(), which finds out by itself, decides by the verb's row and tells errors.
 *
 * What runs here must do without relocations, thread pointer and stack guard: no libc function, no
 * table of pointers, no AUTO_. The Makefile's flags for this file see to the rest. It must not know
 * verbs' rows.
 */
#include "runtime/cli/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/ban.h"

/* Linux 6.3, newer than the headers of Debian 12. */
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

#if defined(__x86_64__) && !defined(__ILP32__)
static inline long call(long n, long a, long b, long c, long d, long f)
{
	long r;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = f;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return r;
}
#else
static inline long call(long n, long a, long b, long c, long d, long f)
{
	long r = syscall(n, a, b, c, d, f);

	return r < 0 ? -errno : r;
}
#endif

/* Up to the end of the last segment that is loaded. What follows are symbols and debug information,
 * which would be most of the copy. */
static size_t loaded_size(const ElfW(Phdr) * ph, unsigned long n)
{
	size_t end = 0;

	for (unsigned long i = 0; i < n; i++) {
		size_t to = (size_t)(ph[i].p_offset + ph[i].p_filesz);

		if (ph[i].p_type == PT_LOAD && to > end)
			end = to;
	}
	return end;
}

static int copy(int from_fd, int to_fd, size_t left)
{
	while (left > 0) {
		long n = call(SYS_sendfile, to_fd, from_fd, 0, (long)left, 0);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return -EIO;
		left -= (size_t)n;
	}
	return 0;
}

bool cmd_seal_is(int self_fd)
{
	/* EINVAL on what is no memfd; a file of a tmpfs has F_SEAL_SEAL alone. */
	long seals = call(SYS_fcntl, self_fd, F_GET_SEALS, 0, 0, 0);

	return seals >= 0 && (seals & CMD_SEALS) == CMD_SEALS;
}

int cmd_seal_memfd(int self_fd, const struct cmd_seal_image *image, const char **ret_step)
{
	long flags = MFD_CLOEXEC | MFD_ALLOW_SEALING, seals = CMD_SEALS | F_SEAL_EXEC;
	long fd = call(SYS_memfd_create, (long)"stiva", flags | MFD_EXEC, 0, 0, 0);
	size_t size = image->phdr ? loaded_size(image->phdr, image->n_phdr) : image->size;
	int r;

	if (fd == -EINVAL) { /* before Linux 6.3 */
		seals = CMD_SEALS;
		fd = call(SYS_memfd_create, (long)"stiva", flags, 0, 0, 0);
	}
	*ret_step = "memfd_create (is vm.memfd_noexec 2?)";
	if (fd < 0)
		return (int)fd;
	*ret_step = "copy the runtime";
	r = copy(self_fd, (int)fd, size);
	if (r == 0) {
		*ret_step = "seal the copy of the runtime";
		r = (int)call(SYS_fcntl, fd, F_ADD_SEALS, seals, 0, 0);
	}
	if (r < 0) {
		call(SYS_close, fd, 0, 0, 0, 0);
		return r;
	}
	return (int)fd;
}

#if defined(__x86_64__) && !defined(__ILP32__)
/* No table of pointers: those would have to be relocated first. */
static const char sealed_verbs[][8] = {"create", "run", "exec", "restore"};

static bool is_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* Any word that is such a verb: a container of that name costs a needless copy, no more. */
static bool wants_seal(char **argv)
{
	for (; *argv; argv++)
		for (size_t i = 0; i < sizeof(sealed_verbs) / sizeof(sealed_verbs[0]); i++)
			if (is_same(*argv, sealed_verbs[i]))
				return true;
	return false;
}

/* Called by the code below only. stack: what the kernel left there: argc, argv, envp, auxv. */
void cmd_seal_before_libc(unsigned long *stack);
__attribute__((used)) void cmd_seal_before_libc(unsigned long *stack)
{
	char **argv = (char **)(stack + 1), **envp = argv + stack[0] + 1;
	struct cmd_seal_image image = {0};
	const char *step;
	const ElfW(auxv_t) * aux;
	char **p = envp;

	if (stack[0] < 2 || !wants_seal(argv + 1))
		return;
	while (*p)
		p++;
	for (aux = (const void *)(p + 1); aux->a_type != AT_NULL; aux++) {
		if (aux->a_type == AT_PHDR)
			image.phdr = (const void *)aux->a_un.a_val;
		else if (aux->a_type == AT_PHNUM)
			image.n_phdr = aux->a_un.a_val;
	}
	int self_fd =
		(int)call(SYS_openat, AT_FDCWD, (long)"/proc/self/exe", O_RDONLY | O_CLOEXEC, 0, 0);

	if (self_fd < 0)
		return;
	if (image.phdr && !cmd_seal_is(self_fd)) {
		int fd = cmd_seal_memfd(self_fd, &image, &step);

		if (fd >= 0) {
			call(SYS_execveat, fd, (long)"", (long)argv, (long)envp, AT_EMPTY_PATH);
			call(SYS_close, fd, 0, 0, 0, 0);
		}
	}
	call(SYS_close, self_fd, 0, 0, 0, 0);
}

/* The two pushes keep rdx for _start and the stack aligned for the call. */
__asm__(".text\n"
	".globl cmd_seal_start\n"
	".type cmd_seal_start, @function\n"
	"cmd_seal_start:\n"
	"	endbr64\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	push %rdx\n"
	"	push %rdx\n"
	"	call cmd_seal_before_libc\n"
	"	pop %rdx\n"
	"	pop %rdx\n"
	"	jmp _start\n"
	".size cmd_seal_start, . - cmd_seal_start\n");
#endif
