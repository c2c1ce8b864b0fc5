/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/guard/seccomp_load: a profile's filter from the cache or the compiler, and its loading by
 * seccomp(2) itself. It knows no libseccomp. Called by runtime/life before the fork (prepare) and
 * by runtime/init in the child (load).
 */
#include <linux/seccomp.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/guard/guard.h"
#include "runtime/guard/seccomp.h"
#include "base/ban.h"

/* linux/seccomp.h since 5.7 and 5.19. */
#ifndef SECCOMP_FILTER_FLAG_TSYNC_ESRCH
#define SECCOMP_FILTER_FLAG_TSYNC_ESRCH (1UL << 4)
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static const struct flag_row {
	const char *word;
	unsigned flag;
} flag_rows[] = {
	/* clang-format off */
	{"SECCOMP_FILTER_FLAG_TSYNC",              SECCOMP_FILTER_FLAG_TSYNC},
	{"SECCOMP_FILTER_FLAG_LOG",                SECCOMP_FILTER_FLAG_LOG},
	{"SECCOMP_FILTER_FLAG_SPEC_ALLOW",         SECCOMP_FILTER_FLAG_SPEC_ALLOW},
	{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
	/* clang-format on */
};
WORDS_COMPLETE(flag_rows, SPEC_SCF_N); /* in the order of enum spec_seccomp_flag */

/* seccomp(2): with no program, a flag that the kernel knows gives EFAULT, another EINVAL. */
static bool kernel_takes(unsigned flag)
{
	unsigned with = flag == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
				? flag | (unsigned)SECCOMP_FILTER_FLAG_NEW_LISTENER
				: flag;
	return sys_seccomp(SECCOMP_SET_MODE_FILTER, with, NULL) == -EFAULT;
}

const char *const *guard_seccomp_kernel_flags(void)
{
	static const char *words[SPEC_SCF_N + 1];
	size_t n = 0;

	for (size_t i = 0; i < SPEC_SCF_N; i++) {
		if (kernel_takes(flag_rows[i].flag))
			words[n++] = flag_rows[i].word;
	}
	words[n] = NULL;
	return words;
}

/* ---- prepare ---- */

/* Calls that init still makes between loading the filter and handing over the notify fd: waiting
 * for an answer there would be for ever. What comes later is answered by the agent. */
static bool may_notify(const char *name)
{
	static const char *const needed[] = {"write", "sendmsg"};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (str_eq(name, needed[i]))
			return false;
	}
	return true;
}

static int check_notify(const struct spec_seccomp *s, bool *ret_wants, struct err *e)
{
	bool wants = false;

	if (s->default_action.v == SPEC_ACT_NOTIFY)
		return err_set(
			e, ERR_INPUT, EINVAL,
			"linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be the default (the "
			"listener itself would wait)");
	for (size_t i = 0; i < s->syscalls.n; i++) {
		const struct spec_syscall *sc = &s->syscalls.v[i];
		if (sc->action.v != SPEC_ACT_NOTIFY)
			continue;
		wants = true;
		for (size_t k = 0; k < sc->names.n; k++) {
			if (!may_notify(sc->names.v[k]))
				return err_set(
					e, ERR_INPUT, EINVAL,
					"linux.seccomp.syscalls[%zu]: SCMP_ACT_NOTIFY cannot be "
					"used for the %s syscall",
					i, sc->names.v[k]);
		}
	}
	if (wants && !s->listener_path)
		return err_set(
			e, ERR_INPUT, EINVAL,
			"linux.seccomp.listenerPath: must be set when SCMP_ACT_NOTIFY is used");
	*ret_wants = wants;
	return 0;
}

static unsigned flags_of(const struct spec_seccomp *s, bool wants_listener)
{
	unsigned flags = 0;

	/* Absent: no speculation penalty, as all runtimes do; an empty list: none. */
	if (!s->flags.v)
		return SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	for (size_t i = 0; i < s->flags.n; i++) {
		if (s->flags.v[i] >= 0 && s->flags.v[i] < SPEC_SCF_N)
			flags |= flag_rows[s->flags.v[i]].flag;
	}
	/* It says how notifications are waited for: without a listener there are none, and the
	 * kernel refuses it. */
	if (!wants_listener && (flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)) {
		log_warn(
			"linux.seccomp.flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV has no effect "
			"without SCMP_ACT_NOTIFY");
		flags &= ~(unsigned)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	}
	/* Both return a number: the kernel wants this flag to tell a thread id from an fd. */
	if (wants_listener && (flags & SECCOMP_FILTER_FLAG_TSYNC))
		flags |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
	return flags;
}

static int too_large(size_t n, struct err *e)
{
	return err_set(e, ERR_INPUT, E2BIG,
		       "linux.seccomp: profile too large (%zu instructions, kernel limit %d)", n,
		       BPF_MAXINSNS);
}

static int compile(const struct spec_seccomp *s, struct arena *a, struct guard_program *ret,
		   struct err *e)
{
	int r = guard_seccomp_compile(s, a, ret, e);

	if (r == 0)
		guard_seccomp_compact(ret, a);
	return r;
}

int guard_seccomp_prepare(const struct spec_seccomp *s, int cache_dir_fd, struct arena *a,
			  struct guard_filter *ret, struct err *e)
{
	struct guard_program p = {NULL, 0};
	bool wants_listener = false;
	int r = check_notify(s, &wants_listener, e);

	if (r < 0)
		return r;
	if (cache_dir_fd >= 0) {
		AUTO(guard_cache_key) key;
		guard_cache_key_make(s, &key);
		if (!guard_cache_load(cache_dir_fd, &key, a, &p)) {
			r = compile(s, a, &p, e);
			if (r == 0 && p.n <= BPF_MAXINSNS)
				guard_cache_store(cache_dir_fd, &key, &p);
		}
	} else {
		r = compile(s, a, &p, e);
	}
	if (r < 0)
		return r;
	if (p.n > BPF_MAXINSNS)
		return too_large(p.n, e);
	ret->insns = p.insns;
	ret->n = (unsigned short)p.n;
	ret->flags = flags_of(s, wants_listener);
	ret->wants_listener = wants_listener;
	return 0;
}

int guard_seccomp_raw(const char *text, const struct spec_seccomp *s, struct arena *a,
		      struct guard_filter *ret, struct err *e)
{
	static const char key[] = "annotations.run.oci.seccomp_bpf_data";
	AUTO(buf) bytes = {0};

	if (base64_decode(text, &bytes) < 0)
		return err_set(e, ERR_INPUT, EINVAL, "%s: not base64", key);
	if (bytes.len == 0 || bytes.len % sizeof(ret->insns[0]))
		return err_set(e, ERR_INPUT, EINVAL, "%s: %zu bytes are no BPF program", key,
			       bytes.len);
	if (bytes.len / sizeof(ret->insns[0]) > BPF_MAXINSNS)
		return too_large(bytes.len / sizeof(ret->insns[0]), e);
	ret->n = (unsigned short)(bytes.len / sizeof(ret->insns[0]));
	ret->insns = arena_array(a, ret->n, sizeof(ret->insns[0]));
	memcpy(ret->insns, bytes.data, bytes.len);
	ret->flags = s ? flags_of(s, false) : SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	ret->wants_listener = false;
	return 0;
}

/* ---- load ---- */

static int load_refused(const struct guard_filter *f, int code, struct err *e)
{
	if (code == EACCES)
		return err_set(
			e, ERR_KERNEL, EACCES,
			"linux.seccomp: load: needs process.noNewPrivileges or CAP_SYS_ADMIN");
	if (code == ENOSYS || !sys_has(SYS_SECCOMP))
		return err_set(e, ERR_MISSING, ENOSYS, "linux.seccomp: this kernel has no seccomp");
	for (size_t i = 0; code == EINVAL && i < SPEC_SCF_N; i++) {
		if ((f->flags & flag_rows[i].flag) && !kernel_takes(flag_rows[i].flag))
			return err_set(e, ERR_MISSING, EINVAL,
				       "linux.seccomp.flags: %s is not supported by this kernel",
				       flag_rows[i].word);
	}
	if (code == EBUSY && f->wants_listener)
		return err_set(
			e, ERR_STATE, EBUSY,
			"linux.seccomp: load: the process already has a filter with a listener");
	return err_sys(e, code, "linux.seccomp: load (%u instructions)", f->n);
}

int guard_seccomp_load(const struct guard_filter *f, int *ret_listener_fd, struct err *e)
{
	struct sock_fprog prog = {f->n, f->insns};
	unsigned flags = f->flags;

	*ret_listener_fd = FD_NONE;
	if (f->n == 0)
		return 0;
	if (f->n > BPF_MAXINSNS)
		return too_large(f->n, e);
	if (f->wants_listener)
		flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	int r = sys_seccomp(SECCOMP_SET_MODE_FILTER, flags, &prog);
	if (r < 0)
		return load_refused(f, -r, e);
	if (f->wants_listener)
		*ret_listener_fd = r;
	return 0;
}
