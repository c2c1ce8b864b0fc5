/* SPDX-License-Identifier: Apache-2.0 */
/* What the seccomp tests share: profiles into filters, loading into a child, and a small
 * interpreter of the program for architectures that this machine is not. */
#ifndef STIVA_TESTS_GUARD_SECCOMP_HELPERS_H
#define STIVA_TESTS_GUARD_SECCOMP_HELPERS_H

#include "tests/unit/runtime-guard/helpers.h"

#include <linux/audit.h>
#include <linux/elf-em.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "base/auto.h"
#include "runtime/guard/guard.h"

#define X32_BIT	   0x40000000u
#define NR_UNKNOWN 9999

static UNUSED int prepare(struct arena *a, const char *json, struct guard_filter *f, struct err *e)
{
	struct spec_seccomp *s = parse(a, &spec_table_seccomp, json);
	memset(f, 0, sizeof(*f));
	return guard_seccomp_prepare(s, FD_NONE, a, f, e);
}

static UNUSED void load(const struct guard_filter *f)
{
	struct err e = ERR_INIT;
	int listener = 77;

	NEED_OK(guard_no_new_privs(&e), &e);
	NEED_OK(guard_seccomp_load(f, &listener, &e), &e);
	NEED(f->wants_listener ? listener >= 0 : listener == FD_NONE);
}

struct trial {
	const char *json;
	void (*calls)(void);
};

static UNUSED void run_trial(void *arg)
{
	const struct trial *t = arg;
	struct arena a = {0};
	struct guard_filter f;
	struct err e = ERR_INIT;

	NEED_OK(prepare(&a, t->json, &f, &e), &e);
	load(&f);
	t->calls();
}

static UNUSED int try_calls(const char *json, void (*calls)(void))
{
	struct trial t = {json, calls};
	return in_child(run_trial, &t);
}

/* Instructions of the last run. */
static UNUSED size_t run_bpf_steps;

/* Classic BPF, as far as libseccomp and we use it. */
static UNUSED uint32_t run_bpf(const struct guard_filter *f, uint32_t arch, uint32_t nr,
			       uint64_t arg0)
{
	struct seccomp_data d = {.arch = arch, .nr = (int)nr, .args = {arg0}};
	uint32_t acc = 0;

	run_bpf_steps = 0;
	for (size_t i = 0; i < f->n; i++) {
		run_bpf_steps++;
		const struct sock_filter *in = &f->insns[i];
		bool is_true = false;
		switch (in->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(in->k + 4 <= sizeof(d));
			memcpy(&acc, (const char *)&d + in->k, 4);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			acc &= in->k;
			continue;
		case BPF_RET | BPF_K:
			return in->k;
		case BPF_JMP | BPF_JA:
			i += in->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			is_true = acc == in->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			is_true = acc >= in->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			is_true = acc > in->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			is_true = (acc & in->k) != 0;
			break;
		default:
			fail_msg("instruction 0x%x", in->code);
		}
		i += is_true ? in->jt : in->jf;
	}
	fail_msg("the program runs off its end");
	return 0;
}

#define RET_ERRNO(n) (SECCOMP_RET_ERRNO | (n))

/* What a child needs to end and to tell. */
#define BASE_CALLS "\"exit_group\",\"write\",\"rt_sigreturn\""

#define ALLOW_BUT(rules) "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" rules "]}"

#define DEFAULT_EPERM                                                                              \
	"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[" BASE_CALLS              \
	",\"getpid\"],\"action\":\"SCMP_ACT_ALLOW\"}]}"

static UNUSED char *read_profile(void)
{
	static char text[65536];
	read_text(AT_FDCWD, "tests/data/guard/seccomp-podman.json", text, sizeof(text));
	assert_true(text[0]);
	return text;
}

#endif
