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

static int copy(int from_fd, int to_fd, const struct cmd_seal_image *image)
{
	size_t left = image->size;
	off_t at = (off_t)image->from;

	while (left > 0) {
		long n = call(SYS_sendfile, to_fd, from_fd, (long)&at, (long)left, 0);

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
	int r;

	if (fd == -EINVAL) { /* before Linux 6.3 */
		seals = CMD_SEALS;
		fd = call(SYS_memfd_create, (long)"stiva", flags, 0, 0, 0);
	}
	*ret_step = "memfd_create (is vm.memfd_noexec 2?)";
	if (fd < 0)
		return (int)fd;
	*ret_step = "copy the runtime";
	r = copy(self_fd, (int)fd, image);
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

/* Tables of characters, not of pointers: those would have to be relocated first. */
#define VERB(name) #name,
static const char launch_verbs[][8] = {CMD_LAUNCH_VERBS(VERB)};
/* The global options that callers use. Of any other (--help run) main.c has to decide. */
static const char flags[][20] = {"--debug", "--strict", "--systemd-cgroup"};
static const char valued[][20] = {"--root",	      "--log", "--log-format", "--log-level",
				  "--cgroup-manager", "--criu"};

/* Return: what follows `prefix` in s, or NULL when s does not begin with it. */
static const char *after(const char *s, const char *prefix)
{
	for (; *prefix; prefix++, s++)
		if (*s != *prefix)
			return NULL;
	return s;
}

/* True when a is one of the n words of `width` bytes. *ret_value: what follows its '='. */
static bool is_one_of(const char *a, const char *words, size_t width, size_t n, bool *ret_value)
{
	for (size_t i = 0; i < n; i++) {
		const char *rest = after(a, words + i * width);

		*ret_value = rest && *rest == '=';
		if (rest && (!*rest || *ret_value))
			return true;
	}
	return false;
}

#define IS_ONE_OF(a, words, ret)                                                                   \
	is_one_of(a, words[0], sizeof(words[0]), sizeof(words) / sizeof(words[0]), ret)

bool cmd_seal_is_launch(char *const argv[])
{
	bool has_value;

	for (; *argv; argv++) {
		if ((*argv)[0] != '-')
			return IS_ONE_OF(*argv, launch_verbs, &has_value) && !has_value;
		if (IS_ONE_OF(*argv, flags, &has_value))
			continue;
		if (!IS_ONE_OF(*argv, valued, &has_value))
			return false;
		if (!has_value && !*++argv)
			return false;
	}
	return false;
}

#if defined(__x86_64__) && !defined(__ILP32__)
/* Called by the code below only. stack: what the kernel left there: argc, argv, envp, auxv. */
void cmd_seal_before_libc(unsigned long *stack);
__attribute__((used)) void cmd_seal_before_libc(unsigned long *stack)
{
	char **argv = (char **)(stack + 1), **envp = argv + stack[0] + 1;
	struct cmd_seal_image image;
	const ElfW(Phdr) *phdr = NULL;
	unsigned long n_phdr = 0;
	const char *step;
	const ElfW(auxv_t) * aux;
	char **p = envp;

	if (stack[0] < 2 || !cmd_seal_is_launch(argv + 1))
		return;
	while (*p)
		p++;
	for (aux = (const void *)(p + 1); aux->a_type != AT_NULL; aux++) {
		if (aux->a_type == AT_PHDR)
			phdr = (const void *)aux->a_un.a_val;
		else if (aux->a_type == AT_PHNUM)
			n_phdr = aux->a_un.a_val;
	}
	/* The launch image holds none: it has nothing to copy. */
	if (!phdr || !cmd_seal_image_launch(phdr, n_phdr, &image))
		return;
	int self_fd =
		(int)call(SYS_openat, AT_FDCWD, (long)"/proc/self/exe", O_RDONLY | O_CLOEXEC, 0, 0);

	if (self_fd < 0)
		return;
	int fd = cmd_seal_memfd(self_fd, &image, &step);

	if (fd >= 0) {
		call(SYS_execveat, fd, (long)"", (long)argv, (long)envp, AT_EMPTY_PATH);
		call(SYS_close, fd, 0, 0, 0, 0);
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
