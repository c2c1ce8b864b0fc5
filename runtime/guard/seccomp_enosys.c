/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/guard/seccomp_enosys: the instructions in front of libseccomp's program (conformance
 * S11).
 *
 * A profile whose default is "EPERM" says EPERM to system calls that did not exist when it was
 * written. A C library takes that for a refusal and gives up, where ENOSYS would make it use the
 * older call. So, per architecture, every number above the highest that the profile names gets
 * ENOSYS. Calls that the author knew but left out keep their EPERM; so do, in a very short profile,
 * all that Linux 5.0 had. What libseccomp does not know is always above both.
 *
 * Called by seccomp.c.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>

#include "runtime/guard/seccomp.h"
#include "base/ban.h"

#define X32_BIT 0x40000000u

/* Since Linux 5.1 a new call has one number on all architectures, from 403 up, plus what the ABI
 * adds to all of its numbers; pidfd_send_signal is 424. */
#define ANCHOR_NAME    "pidfd_send_signal"
#define ANCHOR_TO_LAST 22 /* 424 - 402 */

/* The highest number that is not "new" for this profile. 0: cannot tell. */
static uint32_t last_known(const struct spec_seccomp *s, uint32_t arch)
{
	int anchor = seccomp_syscall_resolve_name_arch(arch, ANCHOR_NAME);
	int last = anchor - ANCHOR_TO_LAST;

	if (anchor < ANCHOR_TO_LAST)
		return 0;
	for (size_t i = 0; i < s->syscalls.n; i++) {
		const struct strvec *names = &s->syscalls.v[i].names;
		for (size_t k = 0; k < names->n; k++) {
			/* Negative: not on this architecture. */
			int nr = seccomp_syscall_resolve_name_arch(arch, names->v[k]);
			if (nr > last)
				last = nr;
		}
	}
	return (uint32_t)last;
}

static bool wants_prologue(const struct spec_seccomp *s)
{
	return s->default_action.v == SPEC_ACT_ERRNO &&
	       (!s->default_errno_ret.has || s->default_errno_ret.v == EPERM);
}

struct writer {
	struct sock_filter *out;
	size_t n;
};

static void put(struct writer *w, struct sock_filter insn)
{
	w->out[w->n++] = insn;
}

/* Two of libseccomp's architectures are one for the kernel: x86_64 and x32. */
static uint32_t audit_arch(uint32_t token)
{
	return token == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : token;
}

static size_t find_arch(const struct guard_arches *a, uint32_t token)
{
	size_t i = 0;
	while (i < a->n && a->v[i] != token)
		i++;
	return i;
}

/*
 * The block of one kernel architecture. The k of a JA that leaves the prologue is set by the
 *caller.
 *
 *	jeq #arch, next, skip block
 *	ld nr
 *	[jge #X32_BIT, to the x32 test, next]	x86_64 only: -1 (a tracer's skip) is there too
 *	jgt #last, enosys, leave
 *	[jgt #last of x32, enosys, leave]
 *	enosys: ret ERRNO(ENOSYS)
 *	leave: ja end
 */
static void put_block(struct writer *w, uint32_t arch, uint32_t last, uint32_t last_x32)
{
	bool is_x86_64 = arch == SCMP_ARCH_X86_64;
	bool has_x32 = is_x86_64 && last_x32 != 0;
	unsigned char body = (unsigned char)(4 + is_x86_64 + has_x32);

	put(w, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch, 0, body));
	put(w, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					    offsetof(struct seccomp_data, nr)));
	if (is_x86_64)
		/* Without x32 in the filter libseccomp answers those numbers: leave. */
		put(w, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT,
						    has_x32 ? 1 : 2, 0));
	put(w, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, has_x32 ? 1 : 0,
					    has_x32 ? 2 : 1));
	if (has_x32)
		put(w, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last_x32, 0, 1));
	put(w, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
	put(w, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
}

size_t guard_seccomp_prologue(const struct spec_seccomp *s, const struct guard_arches *arches,
			      struct sock_filter ret[GUARD_PROLOGUE_MAX])
{
	struct writer w = {ret, 0};

	if (!wants_prologue(s))
		return 0;
	put(&w, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					     offsetof(struct seccomp_data, arch)));
	for (size_t i = 0; i < arches->n; i++) {
		uint32_t arch = arches->v[i];
		bool has_x32 = find_arch(arches, SCMP_ARCH_X32) < arches->n;
		if (audit_arch(arch) != arch)
			continue; /* in x86_64's block, which is there: it is the native one */
		uint32_t last = last_known(s, arch);
		if (last)
			put_block(&w, arch, last,
				  arch == SCMP_ARCH_X86_64 && has_x32 ? last_known(s, SCMP_ARCH_X32)
								      : 0);
	}
	for (size_t i = 0; i < w.n; i++) {
		if (ret[i].code == (BPF_JMP | BPF_JA))
			ret[i].k = (uint32_t)(w.n - i - 1);
	}
	return w.n;
}
