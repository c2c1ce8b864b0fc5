/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/rules_seccomp: the law across the properties of linux.seccomp. Knows no system call's number
 * and no library; what this kernel or libseccomp lacks is found in runtime/guard. Called by
 * rules_linux.c.
 */
#include "spec/rules.h"
#include "base/ban.h"

static bool takes_errno(const struct opt_enum *action)
{
	return action->has && (action->v == SPEC_ACT_ERRNO || action->v == SPEC_ACT_TRACE);
}

/* S01, S02: a listener would wait for its own sendmsg(2). */
static void rule_default(const struct spec_seccomp *s, struct json_errors *errs)
{
	if (!s->default_action.has)
		return;
	if (s->default_action.v == SPEC_ACT_NOTIFY)
		spec_rule_error(errs, "linux.seccomp.defaultAction", "",
				"SCMP_ACT_NOTIFY cannot be the default");
	if (s->default_errno_ret.has && !takes_errno(&s->default_action))
		spec_rule_error(errs, "linux.seccomp.defaultErrnoRet", "",
				"is only for SCMP_ACT_ERRNO and SCMP_ACT_TRACE");
}

/* S08: runtimes write to the listener's socket after the filter is loaded. */
static bool has_write(const struct spec_syscall *c)
{
	for (size_t i = 0; i < c->names.n; i++) {
		if (str_eq(c->names.v[i], "write"))
			return true;
	}
	return false;
}

/* S07, S08, S09 */
static void rule_syscalls(const struct spec_seccomp *s, struct json_errors *errs)
{
	char at[SPEC_PATH_SIZE];

	for (size_t i = 0; i < s->syscalls.n; i++) {
		const struct spec_syscall *c = &s->syscalls.v[i];

		if (!c->action.has)
			continue;
		spec_rule_path(at, "linux.seccomp.syscalls[%zu]", i);
		if (c->errno_ret.has && !takes_errno(&c->action))
			spec_rule_error(errs, at, "errnoRet",
					"is only for SCMP_ACT_ERRNO and SCMP_ACT_TRACE");
		if (c->action.v == SPEC_ACT_NOTIFY && has_write(c))
			spec_rule_error(errs, at, "action",
					"SCMP_ACT_NOTIFY cannot be used for the write syscall");
	}
}

/* S05, S06, B72. What else may name the socket is in listenerPath already (A09: load.c). */
static void rule_listener(const struct spec_seccomp *s, struct json_errors *errs)
{
	bool has_path = s->listener_path && *s->listener_path;
	bool has_metadata = s->listener_metadata && *s->listener_metadata;
	char at[SPEC_PATH_SIZE];

	if (has_metadata && !has_path)
		spec_rule_error(errs, "linux.seccomp.listenerMetadata", "",
				"must not be set without listenerPath");
	if (has_path)
		return;
	for (size_t i = 0; i < s->syscalls.n; i++) {
		if (!s->syscalls.v[i].action.has || s->syscalls.v[i].action.v != SPEC_ACT_NOTIFY)
			continue;
		spec_rule_path(at, "linux.seccomp.syscalls[%zu]", i);
		spec_rule_error(errs, at, "action", "SCMP_ACT_NOTIFY needs listenerPath");
		return;
	}
}

void spec_rules_seccomp(const struct spec_config *c, struct json_errors *errs)
{
	const struct spec_seccomp *s = c->linux_->seccomp;

	if (!s)
		return;
	rule_default(s, errs);
	rule_syscalls(s, errs);
	rule_listener(s, errs);
}
