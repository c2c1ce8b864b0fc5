/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_throttle: see mig_throttle.h. */
#include "checkpoint/mig_throttle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "base/ban.h"

#define FILE_NAME "cpu.max"
#define PERIOD	  100000u
#define QUOTA_MIN 1000u

/* In the watchdog as well. */
static void give_back(void *ctx)
{
	const struct mig_throttle *t = ctx;

	(void)!file_write_kernel(t->dir_fd, FILE_NAME, t->before);
}

/* "QUOTA PERIOD" or "max PERIOD". */
static uint64_t quota_of(const char *text, uint64_t *ret_period)
{
	size_t n = strcspn(text, " ");
	uint64_t quota;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (text[n] != ' ' || num_u64(text + n + 1, ret_period) < 0 || *ret_period == 0)
		*ret_period = PERIOD;
	if (num_u64n(text, n, &quota) < 0)
		quota = *ret_period * (uint64_t)(cpus > 0 ? cpus : 1);
	return quota;
}

static int begin(struct mig_throttle *t, const struct cg *cg, struct err *e)
{
	t->dir_fd = fcntl(cg->dir_fd, F_DUPFD_CLOEXEC, 3);
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
	r = ckpt_watchdog_start(&job, &t->dog, e);
	t->is_on = r == 0;
	return r;
}

int mig_throttle(struct mig_throttle *t, const struct cg *cg, unsigned pct, struct err *e)
{
	char text[64];
	uint64_t period, quota;
	int r = t->is_on ? 0 : begin(t, cg, e);

	if (r == -ENOENT && !e->code)
		return 0;
	if (r < 0)
		return e->code ? r : err_sys(e, r, "read " FILE_NAME);
	quota = quota_of(t->before, &period) / 100 * (pct < 100 ? 100 - pct : 1);
	snprintf(text, sizeof(text), "%llu %llu",
		 (unsigned long long)(quota > QUOTA_MIN ? quota : QUOTA_MIN),
		 (unsigned long long)period);
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
