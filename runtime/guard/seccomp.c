/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/guard/seccomp: linux.seccomp to a BPF program by libseccomp (conformance S01-S13). It
 * knows neither the cache's files nor how the program gets loaded. Called by
 * guard_seccomp_prepare() on a cache miss, which costs about a millisecond.
 */
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "runtime/guard/guard.h"
#include "runtime/guard/seccomp.h"
#include "base/ban.h"

#define ERRNO_MAX     4095  /* the kernel's MAX_ERRNO: a larger one is cut to it */
#define TRACE_MAX     65535 /* SECCOMP_RET_DATA */
#define ARGS_MAX      64    /* conditions of one entry */
#define OPTIMIZE_TREE 2	    /* libseccomp 2.5: binary tree over the numbers */

static void filter_free(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}
#define AUTO_FILTER __attribute__((cleanup(filter_free))) scmp_filter_ctx

/* ---- words to libseccomp's numbers ---- */

/* By name, so that the number of x32, which the kernel's audit table does not have, is right too.
 */
static int arch_token(int index, uint32_t *ret)
{
	char name[32];
	const char *text = word_text(&spec_words_arch, index);
	const char *rest = str_after(text, "SCMP_ARCH_");

	if (str_copy(name, sizeof(name), rest ? rest : text) < 0)
		return -EINVAL;
	for (char *p = name; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	}
	uint32_t token =
		str_eq(name, "native") ? seccomp_arch_native() : seccomp_arch_resolve_name(name);
	if (token == 0)
		return -EINVAL;
	*ret = token;
	return 0;
}

static void arch_add(struct guard_arches *a, uint32_t token)
{
	for (size_t i = 0; i < a->n; i++) {
		if (a->v[i] == token)
			return;
	}
	if (a->n < GUARD_ARCHES_MAX)
		a->v[a->n++] = token;
}

/* What this libseccomp does not know (the profile is of a newer one) is neither this machine's
 * architecture nor one of its compatible ones: its calls meet what unlisted ones meet. */
static void find_arches(const struct spec_seccomp *s, struct guard_arches *ret)
{
	uint32_t token;

	ret->n = 0;
	arch_add(ret, seccomp_arch_native());
	for (size_t i = 0; i < s->architectures.n; i++) {
		if (arch_token(s->architectures.v[i], &token) == 0)
			arch_add(ret, token);
		else
			log_debug("linux.seccomp.architectures[%zu]: %s is unknown to libseccomp "
				  "%s: it cannot run here",
				  i, word_text(&spec_words_arch, s->architectures.v[i]),
				  guard_seccomp_version());
	}
}

/* errno_ret absent: EPERM (config-linux.md). */
static int action_code(enum spec_seccomp_action act, const struct opt_u32 *errno_ret, uint32_t *ret)
{
	uint32_t n = errno_ret->has ? errno_ret->v : EPERM;

	switch (act) {
	case SPEC_ACT_KILL:
	case SPEC_ACT_KILL_THREAD:
		*ret = SCMP_ACT_KILL_THREAD;
		return 0;
	case SPEC_ACT_KILL_PROCESS:
		*ret = SCMP_ACT_KILL_PROCESS;
		return 0;
	case SPEC_ACT_TRAP:
		*ret = SCMP_ACT_TRAP;
		return 0;
	case SPEC_ACT_ERRNO:
		*ret = SCMP_ACT_ERRNO(n);
		return n <= ERRNO_MAX ? 0 : -ERANGE;
	case SPEC_ACT_TRACE:
		*ret = SCMP_ACT_TRACE(n);
		return n <= TRACE_MAX ? 0 : -ERANGE;
	case SPEC_ACT_ALLOW:
		*ret = SCMP_ACT_ALLOW;
		return 0;
	case SPEC_ACT_LOG:
		*ret = SCMP_ACT_LOG;
		return 0;
	case SPEC_ACT_NOTIFY:
		*ret = SCMP_ACT_NOTIFY;
		return 0;
	case SPEC_ACT_N:
		break;
	}
	return -EINVAL;
}

static enum scmp_compare op_code(enum spec_seccomp_op op)
{
	switch (op) {
	case SPEC_OP_NE:
		return SCMP_CMP_NE;
	case SPEC_OP_LT:
		return SCMP_CMP_LT;
	case SPEC_OP_LE:
		return SCMP_CMP_LE;
	case SPEC_OP_EQ:
		return SCMP_CMP_EQ;
	case SPEC_OP_GE:
		return SCMP_CMP_GE;
	case SPEC_OP_GT:
		return SCMP_CMP_GT;
	case SPEC_OP_MASKED_EQ:
		return SCMP_CMP_MASKED_EQ;
	case SPEC_OP_N:
		break;
	}
	return _SCMP_CMP_MIN;
}

/* ---- rules ---- */

struct rule {
	const char *name;
	int nr;
	uint32_t action;
	size_t entry; /* index in linux.seccomp.syscalls */
};

/* Of two actions for one call libseccomp keeps the first. */
static int add_rule(scmp_filter_ctx ctx, const struct rule *rule, const struct scmp_arg_cmp *args,
		    size_t n, struct err *e)
{
	int r = seccomp_rule_add_array(ctx, rule->action, rule->nr, (unsigned)n, args);

	if (r == 0)
		return 0;
	return err_sys(e, r, "linux.seccomp.syscalls[%zu]: add a rule for \"%s\"", rule->entry,
		       rule->name);
}

/* Several conditions on one argument mean "or", which libseccomp spells as several rules; and then,
 * as other runtimes do, all conditions of the entry are (S10). */
static int add_conditions(scmp_filter_ctx ctx, const struct rule *rule,
			  const struct scmp_arg_cmp *args, size_t n, struct err *e)
{
	unsigned seen = 0;
	bool is_or = false;

	for (size_t i = 0; i < n; i++) {
		is_or = is_or || (seen & 1u << args[i].arg);
		seen |= 1u << args[i].arg;
	}
	if (!is_or)
		return add_rule(ctx, rule, args, n, e);
	for (size_t i = 0; i < n; i++) {
		int r = add_rule(ctx, rule, &args[i], 1, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_args(const struct spec_syscall *sc, size_t entry, struct scmp_arg_cmp *ret,
		     struct err *e)
{
	if (sc->args.n > ARGS_MAX)
		return err_set(e, ERR_INPUT, E2BIG,
			       "linux.seccomp.syscalls[%zu].args: more than %d", entry, ARGS_MAX);
	for (size_t i = 0; i < sc->args.n; i++) {
		const struct spec_seccomp_arg *arg = &sc->args.v[i];
		if (arg->index.v > 5 || !arg->op.has || arg->op.v < 0 || arg->op.v >= SPEC_OP_N)
			return err_set(
				e, ERR_INPUT, EINVAL,
				"linux.seccomp.syscalls[%zu].args[%zu]: bad index or operator",
				entry, i);
		ret[i] = (struct scmp_arg_cmp){arg->index.v,
					       op_code((enum spec_seccomp_op)arg->op.v),
					       arg->value.v, arg->value_two.v};
	}
	return 0;
}

static int add_entry(scmp_filter_ctx ctx, const struct spec_syscall *sc, size_t entry,
		     uint32_t default_action, struct err *e)
{
	struct scmp_arg_cmp args[ARGS_MAX];
	struct rule rule = {NULL, 0, 0, entry};

	if (!sc->action.has ||
	    action_code((enum spec_seccomp_action)sc->action.v, &sc->errno_ret, &rule.action) < 0)
		return err_set(e, ERR_INPUT, EINVAL,
			       "linux.seccomp.syscalls[%zu]: bad action or errnoRet", entry);
	/* libseccomp refuses a rule that says what happens anyway. */
	if (rule.action == default_action)
		return 0;
	int r = read_args(sc, entry, args, e);
	for (size_t i = 0; r == 0 && i < sc->names.n; i++) {
		rule.name = sc->names.v[i];
		rule.nr = seccomp_syscall_resolve_name(rule.name);
		if (rule.nr == __NR_SCMP_ERROR) {
			log_debug("linux.seccomp.syscalls[%zu]: unknown system call \"%s\" is "
				  "skipped",
				  entry, rule.name);
			continue;
		}
		r = add_conditions(ctx, &rule, args, sc->args.n, e);
	}
	return r;
}

/* ---- the program ---- */

/* An architecture of the other byte order (EDOM) can never run here: it is taken off the list, and
 * its calls meet what unlisted architectures meet. */
static int add_arches(scmp_filter_ctx ctx, struct guard_arches *arches, struct err *e)
{
	size_t kept = 1;

	for (size_t i = 1; i < arches->n; i++) {
		int r = seccomp_arch_add(ctx, arches->v[i]);
		if (r < 0 && r != -EEXIST && r != -EDOM)
			return err_sys(e, r, "linux.seccomp.architectures: add 0x%x", arches->v[i]);
		if (r != -EDOM)
			arches->v[kept++] = arches->v[i];
	}
	arches->n = kept;
	return 0;
}

static int build(const struct spec_seccomp *s, struct guard_arches *arches, scmp_filter_ctx *ret,
		 struct err *e)
{
	uint32_t dflt;

	if (action_code((enum spec_seccomp_action)s->default_action.v, &s->default_errno_ret,
			&dflt) < 0)
		return err_set(e, ERR_INPUT, EINVAL,
			       "linux.seccomp: bad defaultAction or defaultErrnoRet");
	AUTO_FILTER ctx = seccomp_init(dflt);
	if (!ctx)
		return err_set(e, ERR_MISSING, EINVAL,
			       "linux.seccomp.defaultAction: %s is not supported by this kernel",
			       word_text(&spec_words_action, s->default_action.v));
	/* We load the program ourselves; this keeps libseccomp's view true. */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, OPTIMIZE_TREE);
	if (r < 0)
		log_debug("seccomp: no optimised filter: %s", err_words(-r));
	r = add_arches(ctx, arches, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->syscalls.n; i++) {
		r = add_entry(ctx, &s->syscalls.v[i], i, dflt, e);
		if (r < 0)
			return r;
	}
	*ret = ctx;
	ctx = NULL;
	return 0;
}

/* libseccomp 2.5 exports to an fd only. */
static int export_program(scmp_filter_ctx ctx, const struct sock_filter *head, size_t n_head,
			  struct arena *a, struct guard_program *ret, struct err *e)
{
	struct stat st;
	AUTO_FD fd = memfd_create("seccomp", MFD_CLOEXEC);

	if (fd < 0)
		return err_sys(e, errno, "linux.seccomp: make a memory file");
	int r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return err_sys(e, r, "linux.seccomp: generate the program");
	if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, errno, "linux.seccomp: read the program");
	size_t n = (size_t)st.st_size / sizeof(struct sock_filter);
	struct sock_filter *insns = arena_array(a, n_head + n, sizeof(*insns));
	memcpy(insns, head, n_head * sizeof(*insns));
	ssize_t got = fd_read_all(fd, insns + n_head, n * sizeof(*insns));
	if (got < 0 || (size_t)got != n * sizeof(*insns))
		return err_sys(e, got < 0 ? (int)got : EIO, "linux.seccomp: read the program");
	ret->insns = insns;
	ret->n = n_head + n;
	return 0;
}

int guard_seccomp_compile(const struct spec_seccomp *s, struct arena *a, struct guard_program *ret,
			  struct err *e)
{
	struct guard_arches arches;
	struct sock_filter head[GUARD_PROLOGUE_MAX];
	AUTO_FILTER ctx = NULL;

	find_arches(s, &arches);
	int r = build(s, &arches, &ctx, e);

	if (r < 0)
		return r;
	size_t n_head = guard_seccomp_prologue(s, &arches, head);
	return export_program(ctx, head, n_head, a, ret, e);
}

int guard_seccomp_check_names(const struct spec_seccomp *s, struct err *e)
{
	for (size_t i = 0; i < s->syscalls.n; i++) {
		const struct strvec *names = &s->syscalls.v[i].names;
		for (size_t k = 0; k < names->n; k++) {
			if (seccomp_syscall_resolve_name(names->v[k]) == __NR_SCMP_ERROR)
				return err_set(e, ERR_INPUT, EINVAL,
					       "linux.seccomp.syscalls[%zu].names[%zu]: \"%s\" is "
					       "unknown to libseccomp %s",
					       i, k, names->v[k], guard_seccomp_version());
		}
	}
	return 0;
}

const char *guard_seccomp_version(void)
{
	static char text[24];

	if (!text[0]) {
		const struct scmp_version *v = seccomp_version();
		(void)snprintf(text, sizeof(text), "%u.%u.%u", v->major, v->minor, v->micro);
	}
	return text;
}
