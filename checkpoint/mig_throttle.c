/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_throttle: see mig_throttle.h. */
#include "checkpoint/mig_throttle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/ban.h"

#define FILE_NAME "cpu.max"
/* The kernel takes no quota that is smaller than this: it is none while we slow it down. */
#define BURST_NAME "cpu.max.burst"
#define PERIOD	   100000u
#define QUOTA_MIN  1000u
#define USAGE	   "usage_usec"
#define LOOK_USEC  1000 /* less says nothing */

/* In the watchdog as well. */
static void give_back(void *ctx)
{
	const struct mig_throttle *t = ctx;

	(void)!file_write_kernel(t->dir_fd, FILE_NAME, t->before);
	if (t->burst[0])
		(void)!file_write_kernel(t->dir_fd, BURST_NAME, t->burst);
}

/* "" when the kernel has none (5.14) or it is zero. */
static int read_burst(struct mig_throttle *t)
{
	int r = file_read_kernel(t->dir_fd, BURST_NAME, t->burst, sizeof(t->burst));

	t->burst[r < 0 ? 0 : strcspn(t->burst, "\n")] = '\0';
	if (str_eq(t->burst, "0"))
		t->burst[0] = '\0';
	return r < 0 && r != -ENOENT ? r : 0;
}

/* How much of a CPU it has had since the last look, in `period`; UINT64_MAX: not known. */
static uint64_t used_of(const struct mig_throttle *t, const struct cg *cg, uint64_t period)
{
	uint64_t now = proc_now_usec(), usage;

	if (!t->seen_at || now - t->seen_at < LOOK_USEC ||
	    cg_read_u64(cg, "cpu.stat", USAGE, &usage) < 0 || usage < t->seen_usage)
		return UINT64_MAX;
	return (uint64_t)((double)(usage - t->seen_usage) / (double)(now - t->seen_at) *
			  (double)period);
}

/* What it has without us, of `before`, "QUOTA PERIOD" or "max PERIOD": a limit that it does not
 * reach slows nobody down. */
static void measure(struct mig_throttle *t, const struct cg *cg)
{
	size_t n = strcspn(t->before, " ");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t used;

	if (t->before[n] != ' ' || num_u64(t->before + n + 1, &t->period) < 0 || t->period == 0)
		t->period = PERIOD;
	if (num_u64n(t->before, n, &t->quota) < 0)
		t->quota = t->period * (uint64_t)(cpus > 0 ? cpus : 1);
	used = used_of(t, cg, t->period);
	if (used < t->quota)
		t->quota = used;
}

static int begin(struct mig_throttle *t, const struct cg *cg, struct err *e)
{
	fd_replace(&t->dir_fd, fcntl(cg->dir_fd, F_DUPFD_CLOEXEC, 3));
	if (t->dir_fd < 0)
		return -errno;
	const struct ckpt_watchdog_job job = {.keep = &t->dir_fd,
					      .n_keep = 1,
					      .cgroup_fd = FD_NONE,
					      .max_ms = -1,
					      .fire = give_back,
					      .ctx = t};
	int r = file_read_kernel(t->dir_fd, FILE_NAME, t->before, sizeof(t->before));

	if (r < 0)
		return r;
	t->before[strcspn(t->before, "\n")] = '\0';
	r = read_burst(t);
	if (r < 0)
		return r;
	measure(t, cg);
	r = ckpt_watchdog_start(&job, &t->dog, e);
	t->is_on = r == 0;
	return r;
}

void mig_throttle_look(struct mig_throttle *t, const struct cg *cg)
{
	if (t->is_on)
		return;
	t->seen_at = cg_read_u64(cg, "cpu.stat", USAGE, &t->seen_usage) < 0 ? 0 : proc_now_usec();
}

int mig_throttle(struct mig_throttle *t, const struct cg *cg, unsigned pct, struct err *e)
{
	char text[64];
	uint64_t quota;
	int r = t->is_on ? 0 : begin(t, cg, e);

	if (r == -ENOENT && !e->code)
		return 0;
	if (r < 0)
		return e->code ? r : err_sys(e, r, "read " FILE_NAME);
	quota = t->quota / 100 * (pct < 100 ? 100 - pct : 1);
	snprintf(text, sizeof(text), "%llu %llu",
		 (unsigned long long)(quota > QUOTA_MIN ? quota : QUOTA_MIN),
		 (unsigned long long)t->period);
	r = t->burst[0] ? file_write_kernel(t->dir_fd, BURST_NAME, "0") : 0;
	if (r == 0)
		r = file_write_kernel(t->dir_fd, FILE_NAME, text);
	return r < 0 ? err_sys(e, r, "slow the container down: " FILE_NAME) : 0;
}

void mig_throttle_done(struct mig_throttle *t)
{
	if (t->is_on)
		give_back(t);
	t->is_on = false;
	ckpt_watchdog_done(&t->dog);
	auto_fd_done(&t->dir_fd);
}
