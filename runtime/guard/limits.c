/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/guard/limits: what the kernel grants the process in time, memory and numbers: rlimits,
 * oom_score_adj, io priority, scheduler, cpu affinity, memory policy, personality (conformance P12,
 * P13, P16, P17, P18, L07, L08). It knows no cgroups. Called by runtime/init while it still has the
 * namespace's root capabilities.
 */
#include <fcntl.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "base/str.h"
#include "runtime/guard/guard.h"
#include "runtime/guard/procfs.h"
#include "base/ban.h"

/* ---- oom_score_adj ---- */

/* The kernel lowers it only for CAP_SYS_RESOURCE (EACCES), and a process that is not dumpable
 * inside a user namespace may not open its own file. The value may be right already: the parent
 * wrote it. */
static int oom_refused(int root_fd, const char *path, int64_t want, int code, struct err *e)
{
	char text[32];
	int64_t now;
	int n = -code;
	AUTO_FD fd = guard_proc_file(root_fd, path, O_RDONLY);

	if (fd >= 0)
		n = (int)read(fd, text, sizeof(text) - 1);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	if (n <= 0 || num_i64n(text, (size_t)n, &now) < 0)
		return err_sys(e, code, "process.oomScoreAdj: set %lld", (long long)want);
	if (now == want)
		return 0;
	if (want < now)
		return err_sys(e, code,
			       "process.oomScoreAdj: lower from %lld to %lld without "
			       "CAP_SYS_RESOURCE",
			       (long long)now, (long long)want);
	log_warn("process.oomScoreAdj: cannot be set to %lld, stays %lld: %s", (long long)want,
		 (long long)now, err_words(code));
	return 0;
}

int guard_oom_apply(const struct spec_process *p, pid_t pid, int proc_fd, struct err *e)
{
	char text[24], path[48] = "self/oom_score_adj";
	AUTO_FD own = FD_NONE;
	AUTO_FD fd = FD_NONE;

	if (!p || !p->oom_score_adj.has)
		return 0;
	int64_t want = p->oom_score_adj.v;
	int root = guard_proc_root(proc_fd, &own, e);

	if (root < 0)
		return root;
	if (pid)
		(void)snprintf(path, sizeof(path), "%d/oom_score_adj", (int)pid);
	int n = snprintf(text, sizeof(text), "%lld", (long long)want);
	fd = guard_proc_file(root, path, O_WRONLY);
	int r = fd < 0 ? fd : 0;
	if (r == 0 && write(fd, text, (size_t)n) < 0)
		r = -errno;
	if (r == -EACCES || r == -EPERM)
		return oom_refused(root, path, want, -r, e);
	if (r < 0)
		return err_sys(e, r, "process.oomScoreAdj: set %lld", (long long)want);
	return 0;
}

/* ---- rlimits ---- */

static const char *rlimit_text(uint64_t v, char buf[24])
{
	if (v == RLIM64_INFINITY)
		return "unlimited";
	(void)snprintf(buf, 24, "%llu", (unsigned long long)v);
	return buf;
}

static int rlimit_refused(const struct spec_rlimit *rl, size_t i, pid_t pid, int code,
			  struct err *e)
{
	char soft[24], hard[24], has[24];
	struct rlimit64 now = {0, 0};
	int type = (int)word_value(&spec_words_rlimit, rl->type.v);

	(void)prlimit64(pid, (enum __rlimit_resource)type, NULL, &now);
	return err_sys(e, code,
		       "process.rlimits[%zu]: set %s to soft %s, hard %s (the hard limit is %s)", i,
		       word_text(&spec_words_rlimit, rl->type.v), rlimit_text(rl->soft.v, soft),
		       rlimit_text(rl->hard.v, hard), rlimit_text(now.rlim_max, has));
}

int guard_rlimits_apply(const struct spec_process *p, pid_t pid, struct err *e)
{
	for (size_t i = 0; p && i < p->rlimits.n; i++) {
		const struct spec_rlimit *rl = &p->rlimits.v[i];
		if (!rl->type.has || rl->type.v < 0)
			return err_set(e, ERR_INPUT, EINVAL,
				       "process.rlimits[%zu].type: unknown type", i);
		struct rlimit64 want = {rl->soft.v, rl->hard.v};
		int type = (int)word_value(&spec_words_rlimit, rl->type.v);
		if (prlimit64(pid, (enum __rlimit_resource)type, &want, NULL) < 0)
			return rlimit_refused(rl, i, pid, errno, e);
	}
	return 0;
}

/* ---- io priority and scheduler ---- */

/* include/uapi/linux/ioprio.h, which is not in every distribution's headers. */
#define IOPRIO_CLASS_SHIFT_BITS 13
#define IOPRIO_OF_PROCESS	1

static int apply_ioprio(const struct spec_io_priority *io, struct err *e)
{
	long class = (long)word_value(&spec_words_ioprio, io->class.v);
	long value =
		class << IOPRIO_CLASS_SHIFT_BITS | (long)(io->priority.has ? io->priority.v : 0);

	if (syscall(SYS_ioprio_set, IOPRIO_OF_PROCESS, 0, value) < 0)
		return err_sys(e, errno, "process.ioPriority: set %s %lld",
			       word_text(&spec_words_ioprio, io->class.v),
			       (long long)io->priority.v);
	return 0;
}

/* struct sched_attr of linux/sched/types.h (newer C libraries have one too), version 1. */
struct sched_want {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};
#define SCHED_WANT_SIZE_0 48 /* without util_*, which only some kernels are built with */
#define SCHED_POLICY_ISO  4  /* reserved by the kernel, never implemented */
#define SCHED_FLAGS_UTIL  0x60

static int apply_scheduler(const struct spec_scheduler *s, struct err *e)
{
	const char *name = word_text(&spec_words_sched_policy, s->policy.v);
	struct sched_want w = {
		.size = SCHED_WANT_SIZE_0,
		.policy = (uint32_t)word_value(&spec_words_sched_policy, s->policy.v),
		.nice = (int32_t)s->nice.v,
		.priority = (uint32_t)s->priority.v,
		.runtime = s->runtime.v,
		.deadline = s->deadline.v,
		.period = s->period.v,
	};

	for (size_t i = 0; i < s->flags.n; i++)
		w.flags |= (uint64_t)word_value(&spec_words_sched_flag, s->flags.v[i]);
	if (w.flags & SCHED_FLAGS_UTIL)
		w.size = sizeof(w);
	if (w.policy == SCHED_POLICY_ISO)
		return err_set(e, ERR_MISSING, EINVAL,
			       "process.scheduler.policy: %s is not implemented by the kernel",
			       name);
	if (syscall(SYS_sched_setattr, 0, &w, 0) < 0)
		return err_sys(e, errno, "process.scheduler: set %s (nice %d, priority %u)", name,
			       w.nice, w.priority);
	return 0;
}

int guard_limits_apply(const struct spec_process *p, int proc_fd, struct err *e)
{
	/* First what opens a file: a small RLIMIT_NOFILE would stop it. The scheduler comes after
	 * the rlimits because RLIMIT_NICE and RLIMIT_RTPRIO may be what allows it. */
	int r = guard_oom_apply(p, 0, proc_fd, e);

	if (r == 0)
		r = guard_rlimits_apply(p, 0, e);
	if (r == 0 && p->io_priority)
		r = apply_ioprio(p->io_priority, e);
	if (r == 0 && p->scheduler)
		r = apply_scheduler(p->scheduler, e);
	return r;
}

/* ---- affinity ---- */

/* The kernel's largest NR_CPUS; it cuts a longer mask and fills up a shorter one. */
#define CPUS_MAX 8192

int guard_affinity_apply(const char *cpus, const char *what, struct err *e)
{
	uint64_t mask[CPUS_MAX / 64];

	if (!cpus) {
		/* Takes back what the caller inherited; the kernel keeps it within the cpuset. */
		memset(mask, 0xff, sizeof(mask));
		(void)syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask);
		return 0;
	}
	memset(mask, 0, sizeof(mask));
	int r = num_list(cpus, mask, CPUS_MAX);
	if (r < 0)
		return err_set(e, ERR_INPUT, EINVAL, "%s: \"%s\" is not a list of cpus", what,
			       cpus);
	if (syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask) < 0)
		return err_sys(e, errno, "%s: set cpus \"%s\"", what, cpus);
	return 0;
}

/* ---- personality and memory policy ---- */

int guard_personality(const struct spec_personality *p, struct err *e)
{
	if (p->flags.n > 0)
		return err_set(e, ERR_INPUT, EINVAL,
			       "linux.personality.flags: \"%s\": no flag is supported",
			       p->flags.v[0]);
	if (personality((unsigned long)word_value(&spec_words_personality, p->domain.v)) < 0)
		return err_sys(e, errno, "linux.personality.domain: set %s",
			       word_text(&spec_words_personality, p->domain.v));
	return 0;
}

/* The largest MAX_NUMNODES of any configuration; longer masks are taken when the rest is zero. */
#define NODES_MAX 1024

int guard_memory_policy(const struct spec_memory_policy *m, struct err *e)
{
	uint64_t mask[NODES_MAX / 64] = {0};
	const char *nodes = m->nodes ? m->nodes : "";
	const char *name = word_text(&spec_words_mpol, m->mode.v);
	bool has_nodes = nodes[0] != '\0';
	long mode = (long)word_value(&spec_words_mpol, m->mode.v);

	for (size_t i = 0; i < m->flags.n; i++)
		mode |= (long)word_value(&spec_words_mpol_flag, m->flags.v[i]);
	if (has_nodes && num_list(nodes, mask, NODES_MAX) < 0)
		return err_set(e, ERR_INPUT, EINVAL,
			       "linux.memoryPolicy.nodes: invalid memory policy node list \"%s\"",
			       nodes);
	/* The kernel takes one bit less than maxnode says. */
	if (syscall(SYS_set_mempolicy, mode, has_nodes ? mask : NULL,
		    has_nodes ? NODES_MAX + 1UL : 0UL) == 0)
		return 0;
	if (errno == ENOSYS)
		return err_set(e, ERR_MISSING, ENOSYS,
			       "linux.memoryPolicy: this kernel has no memory policies");
	return err_sys(e, errno, "linux.memoryPolicy: set %s with nodes \"%s\"", name, nodes);
}
