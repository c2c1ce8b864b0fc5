/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/rules_process: the law across the properties of `process`, in config.json and in exec's
 * document. Knows the kernel's scheduling classes by name only. Called by rules.c and load.c.
 */
#include "spec/rules.h"
#include <inttypes.h>
#include <linux/sched.h>
#include "base/ban.h"

/* P06, B32: an empty name must never be looked up in $PATH. */
static void rule_args(const struct spec_process *p, const char *at, struct json_errors *errs)
{
	if (p->args.n && !*p->args.v[0])
		spec_rule_error(errs, at, "args[0]", "must not be empty");
}

/* P05, B34 */
static void rule_env(const struct spec_process *p, const char *at, struct json_errors *errs)
{
	char path[SPEC_PATH_SIZE];

	for (size_t i = 0; i < p->env.n; i++) {
		const char *e = p->env.v[i], *eq = strchr(e, '=');

		if (eq && eq != e)
			continue;
		spec_rule_path(path, "env[%zu]", i);
		if (eq)
			spec_rule_error(errs, at, path, "\"%.100s\" has no name before the =", e);
		else
			spec_rule_error(errs, at, path, "\"%.100s\" has no =", e);
	}
}

/* B44 */
static void rule_umask(const struct spec_process *p, const char *at, struct json_errors *errs)
{
	if (p->user && p->user->umask.has && p->user->umask.v > 0777)
		spec_rule_error(errs, at, "user.umask", "must be 0..511 (octal 0777), got %" PRIu32,
				p->user->umask.v);
}

/* P12, B42 */
static void rule_rlimits(const struct spec_process *p, const char *at, struct json_errors *errs)
{
	char path[SPEC_PATH_SIZE];
	uint64_t seen = 0;

	for (size_t i = 0; i < p->rlimits.n; i++) {
		const struct spec_rlimit *l = &p->rlimits.v[i];

		if (!l->type.has)
			continue;
		spec_rule_path(path, "rlimits[%zu]", i);
		if (seen & (UINT64_C(1) << l->type.v))
			spec_rule_error(errs, at, path, "%s is listed twice",
					word_text(&spec_words_rlimit, l->type.v));
		seen |= UINT64_C(1) << l->type.v;
		if (l->soft.has && l->hard.has && l->soft.v > l->hard.v)
			spec_rule_error(errs, at, path,
					"soft limit %" PRIu64 " is above hard limit %" PRIu64,
					l->soft.v, l->hard.v);
	}
}

/* P16: each field belongs to some policies only; sched_setattr(2) would refuse it. Not so nice,
 * which the specification gives a default for every policy: the fixed ones do not look at it. */
static void rule_scheduler(const struct spec_process *p, const char *at, struct json_errors *errs)
{
	const struct spec_scheduler *s = p->scheduler;
	bool is_fixed, is_deadline, has_times;
	const char *name;
	int64_t policy;

	if (!s || !s->policy.has)
		return;
	policy = word_value(&spec_words_sched_policy, s->policy.v);
	name = word_text(&spec_words_sched_policy, s->policy.v);
	is_fixed = policy == SCHED_FIFO || policy == SCHED_RR;
	is_deadline = policy == SCHED_DEADLINE;
	has_times = (s->runtime.has && s->runtime.v) || (s->deadline.has && s->deadline.v) ||
		    (s->period.has && s->period.v);
	if (str_eq(name, "SCHED_ISO"))
		spec_rule_error(errs, at, "scheduler.policy", "SCHED_ISO is not in Linux");
	if (s->priority.has && s->priority.v && !is_fixed)
		spec_rule_error(errs, at, "scheduler.priority", "is not for %s", name);
	if (is_fixed && (!s->priority.has || s->priority.v < 1))
		spec_rule_error(errs, at, "scheduler.priority", "%s needs one of 1..99", name);
	if (has_times && !is_deadline)
		spec_rule_error(errs, at, "scheduler",
				"runtime, deadline and period are for SCHED_DEADLINE");
	if (!is_deadline)
		return;
	if (!s->runtime.has || s->runtime.v == 0)
		spec_rule_error(errs, at, "scheduler.runtime", "SCHED_DEADLINE needs one");
	if (s->runtime.v > s->deadline.v || (s->period.v && s->deadline.v > s->period.v))
		spec_rule_error(errs, at, "scheduler", "must hold runtime <= deadline <= period");
}

/* P18 */
static void rule_affinity(const struct spec_process *p, const char *at, struct json_errors *errs)
{
	const struct spec_exec_affinity *a = p->exec_cpu_affinity;

	if (a && a->initial && *a->initial && !spec_rule_is_list(a->initial))
		spec_rule_error(errs, at, "execCPUAffinity.initial",
				"\"%.100s\" is not a list of CPUs", a->initial);
	if (a && a->final && *a->final && !spec_rule_is_list(a->final))
		spec_rule_error(errs, at, "execCPUAffinity.final",
				"\"%.100s\" is not a list of CPUs", a->final);
}

void spec_rules_process(const struct spec_process *p, const char *at, struct json_errors *errs)
{
	rule_args(p, at, errs);
	rule_env(p, at, errs);
	rule_umask(p, at, errs);
	rule_rlimits(p, at, errs);
	rule_scheduler(p, at, errs);
	rule_affinity(p, at, errs);
}
