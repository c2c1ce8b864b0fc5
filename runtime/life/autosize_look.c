/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/autosize_look: what a container uses and waits for, of the few files that autosize
 * needs (cg_stats_read() reads all). It must not know what is made of it. Called by autosize.c and
 * autosize_act.c.
 */
#include "runtime/life/autosize_loop.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/ban.h"

#define TEXT_MAX 8192

/* The number after "key " or "key=" at the beginning of a line or word; 0 without it. */
static uint64_t value(const char *text, const char *key)
{
	const size_t n = strlen(key);
	uint64_t v = 0;

	for (const char *s = text; *s; s += strcspn(s, " \n"), s += *s != '\0') {
		if (strncmp(s, key, n) != 0 || (s[n] != ' ' && s[n] != '='))
			continue;
		s += n + 1;
		return num_u64n(s, strcspn(s, " \n"), &v) < 0 ? 0 : v;
	}
	return 0;
}

/* A file of one number, or "max". Leaf. */
static int limit(const struct cg *c, const char *file, uint64_t *ret)
{
	return cg_read_u64(c, file, NULL, ret);
}

static int look_memory(const struct autosize_unit *u, char *text, struct autosize_counts *ret)
{
	const int dir = u->watch.cg.dir_fd;
	int r = limit(&u->watch.cg, "memory.max", &ret->memory.limit);

	if (r == 0)
		r = limit(&u->watch.cg, "memory.current", &ret->memory.used);
	if (r < 0)
		return r;
	if (file_read_kernel(dir, "memory.stat", text, TEXT_MAX) >= 0)
		ret->memory.idle = value(text, "inactive_file") + value(text, "slab_reclaimable");
	if (file_read_kernel(dir, "memory.pressure", text, TEXT_MAX) > 0) {
		ret->memory.has_pressure = true;
		ret->memory.stall_usec = value(text, "total"); /* the first line: some */
	}
	/* By the fd that is polled: what was read does not wake again. */
	ssize_t n = u->watch.oom_fd >= 0 ? pread(u->watch.oom_fd, text, TEXT_MAX - 1, 0) : 0;

	text[n > 0 ? n : 0] = '\0';
	ret->memory.events = value(text, "high") + value(text, "max");
	ret->memory.ooms = value(text, "oom") + value(text, "oom_kill");
	return 0;
}

static int look_cpu(const struct autosize_unit *u, char *text, struct autosize_counts *ret)
{
	const int dir = u->watch.cg.dir_fd;
	int r = file_read_kernel(dir, "cpu.max", text, TEXT_MAX);

	if (r < 0)
		return r;
	const size_t n = strcspn(text, " ");
	uint64_t quota;

	ret->cpu.period = 100000;
	if (text[n] == ' ')
		(void)num_u64n(text + n + 1, strcspn(text + n + 1, "\n"), &ret->cpu.period);
	ret->cpu.limit = AUTOSIZE_NONE;
	if (num_u64n(text, n, &quota) == 0 && ret->cpu.period)
		ret->cpu.limit = quota * AUTOSIZE_ONE_CPU / ret->cpu.period;
	r = file_read_kernel(dir, "cpu.stat", text, TEXT_MAX);
	if (r < 0)
		return r;
	ret->cpu.usage_usec = value(text, "usage_usec");
	ret->cpu.periods = value(text, "nr_periods");
	ret->cpu.throttled = value(text, "nr_throttled");
	ret->cpu.throttled_usec = value(text, "throttled_usec");
	return 0;
}

int life_autosize_look(const struct autosize_unit *u, struct autosize_counts *ret, struct err *e)
{
	struct autosize_counts c = {.at = proc_now_usec()};
	char text[TEXT_MAX];
	int r = 0;

	if (u->range[AUTOSIZE_MEMORY].has)
		r = look_memory(u, text, &c);
	if (r == 0 && u->range[AUTOSIZE_CPU].has)
		r = look_cpu(u, text, &c);
	/* A removed cgroup is -ENODEV where the file was open already. */
	if (r == -ENOENT || r == -ENODEV)
		return err_set(e, ERR_STATE, ENOENT, "cgroup \"%s\" does not exist",
			       u->watch.cg.path);
	if (r < 0)
		return err_sys(e, r, "read what cgroup \"%s\" uses", u->watch.cg.path);
	*ret = c;
	return 0;
}

static uint64_t since(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

/* Hundredths of a percent, at most all. */
static uint32_t share(uint64_t part, uint64_t whole)
{
	if (!whole)
		return 0;
	return part >= whole ? 10000 : (uint32_t)(part * 10000 / whole);
}

void life_autosize_sample(enum autosize_res res, const struct autosize_counts *before,
			  const struct autosize_counts *now, uint64_t window_usec,
			  struct autosize_sample *ret)
{
	const uint64_t passed = since(now->at, before->at);
	/* Of a long time before the trigger nothing is known: it may have been calm. */
	const uint64_t span = window_usec && window_usec < passed ? window_usec : passed;
	struct autosize_sample s = {.now = now->at};

	if (res == AUTOSIZE_MEMORY) {
		s.limit = now->memory.limit;
		s.used = now->memory.used;
		s.need = since(s.used, now->memory.idle);
		s.has_pressure = now->memory.has_pressure;
		s.pressure = share(since(now->memory.stall_usec, before->memory.stall_usec), span);
		s.events = since(now->memory.events, before->memory.events);
		s.ooms = since(now->memory.ooms, before->memory.ooms);
	} else {
		s.limit = now->cpu.limit;
		s.used = passed ? since(now->cpu.usage_usec, before->cpu.usage_usec) *
					  AUTOSIZE_ONE_CPU / passed
				: 0;
		s.need = s.used;
		s.has_pressure = true;
		s.events = since(now->cpu.throttled, before->cpu.throttled);
		s.periods = since(now->cpu.periods, before->cpu.periods);
		s.pressure = share(s.events, s.periods);
		/* After a long calm the share of all periods says little about the last ones. */
		const uint64_t stall = since(now->cpu.throttled_usec, before->cpu.throttled_usec);
		if (span < passed && share(stall, span) > s.pressure)
			s.pressure = share(stall, span);
	}
	*ret = s;
}
