// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/limits: the limits in force as the kernel has them, what the host has, and how low a
 * memory limit could go. Only reads. It must not know who asks. Called by runtime/life and
 * runtime/cli, and by shrink.c and update.c.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "base/num.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "base/ban.h"

#define TEXT_MAX	   6144
#define CPU_PERIOD_DEFAULT 100000
#define LEVELS_MAX	   32 /* of ancestors that are asked for their swap limit */
#define LIST_BITS	   8192
#define SEPARATORS	   " \n"

int cg_limits_cpu_max(const struct cg *c, int64_t *ret_quota, uint64_t *ret_period)
{
	char text[64];

	*ret_quota = -1;
	*ret_period = CPU_PERIOD_DEFAULT;
	int r = file_read_kernel(c->dir_fd, "cpu.max", text, sizeof(text));
	if (r <= 0)
		return r;
	size_t n = strcspn(text, SEPARATORS);
	const char *period = text + n + (text[n] == ' ');
	if (num_i64n(text, n, ret_quota) < 0)
		*ret_quota = -1; /* "max" */
	if (num_u64n(period, strcspn(period, SEPARATORS), ret_period) < 0)
		*ret_period = CPU_PERIOD_DEFAULT;
	return 0;
}

/* Return: whether the file is there. */
static bool read_limit(const struct cg *c, const char *file, uint64_t *ret)
{
	*ret = CG_UNLIMITED;
	return cg_read_u64(c, file, NULL, ret) == 0;
}

static const char *read_line(const struct cg *c, const char *file, struct arena *a)
{
	char text[TEXT_MAX];

	if (file_read_kernel(c->dir_fd, file, text, sizeof(text)) < 0)
		return NULL;
	return arena_strndup(a, text, strcspn(text, "\n"));
}

void cg_limits_read(const struct cg *c, struct arena *a, struct cg_limits *ret)
{
	char text[TEXT_MAX];

	*ret = (struct cg_limits){.io = ""};
	ret->has_cpu = faccessat(c->dir_fd, "cpu.max", F_OK, 0) == 0;
	(void)cg_limits_cpu_max(c, &ret->quota, &ret->period);
	if (cg_read_u64(c, "cpu.weight", NULL, &ret->weight) < 0)
		ret->weight = 0;
	ret->has_memory = read_limit(c, "memory.max", &ret->memory);
	ret->has_swap = read_limit(c, "memory.swap.max", &ret->swap);
	(void)read_limit(c, "memory.high", &ret->high);
	if (!read_limit(c, "memory.low", &ret->low))
		ret->low = 0;
	ret->has_pids = read_limit(c, "pids.max", &ret->pids);
	ret->cpus = read_line(c, "cpuset.cpus", a);
	ret->mems = read_line(c, "cpuset.mems", a);
	ret->has_io = file_read_kernel(c->dir_fd, "io.max", text, sizeof(text)) >= 0;
	if (ret->has_io)
		ret->io = arena_strdup(a, text);
}

/* ---- the host ---- */

static uint64_t meminfo(const char *text, const char *key)
{
	const char *s = strstr(text, key);
	uint64_t kib = 0;

	if (!s)
		return 0;
	s += strlen(key);
	s += strspn(s, " ");
	return num_u64n(s, strcspn(s, SEPARATORS), &kib) < 0 ? 0 : kib * 1024;
}

void cg_limits_host(struct cg_host *ret)
{
	char text[8192];
	uint64_t bits[LIST_BITS / 64] = {0};

	*ret = (struct cg_host){0};
	if (file_read_kernel(AT_FDCWD, "/proc/meminfo", text, sizeof(text)) > 0) {
		ret->memory = meminfo(text, "MemTotal:");
		ret->swap = meminfo(text, "SwapTotal:");
		ret->swap_free = meminfo(text, "SwapFree:");
	}
	if (file_read_kernel(AT_FDCWD, "/sys/devices/system/cpu/online", ret->online,
			     sizeof(ret->online)) <= 0)
		return;
	ret->online[strcspn(ret->online, "\n")] = '\0';
	if (num_list(ret->online, bits, LIST_BITS) < 0)
		return;
	for (size_t i = 0; i < LIST_BITS / 64; i++)
		ret->cpus += (uint64_t)__builtin_popcountll(bits[i]);
}

/* ---- what could be taken back ---- */

/* The swap that this cgroup may still use: each cgroup above has a word too. */
uint64_t cg_limits_swap_left(const struct cg *c)
{
	struct cg_host host;
	char file[LEVELS_MAX * 3 + 32] = "";

	cg_limits_host(&host);
	uint64_t left = host.swap_free;
	for (size_t i = 0; i < LEVELS_MAX; i++) {
		size_t up = 3 * i;
		uint64_t max, now;

		snprintf(file + up, sizeof(file) - up, "memory.swap.max");
		if (cg_read_u64(c, file, NULL, &max) < 0)
			break;
		snprintf(file + up, sizeof(file) - up, "memory.swap.current");
		if (cg_read_u64(c, file, NULL, &now) < 0)
			now = 0;
		if (max != CG_UNLIMITED && left > (max > now ? max - now : 0))
			left = max > now ? max - now : 0;
		memcpy(file + up, "../", 3);
	}
	return left;
}

void cg_limits_parts(const struct cg *c, struct cg_parts *ret)
{
	char text[TEXT_MAX];
	const struct {
		const char *key;
		uint64_t *to;
	} keys[] = {
		{"inactive_anon", &ret->anon},	  {"active_anon", &ret->anon},
		{"inactive_file", &ret->file},	  {"active_file", &ret->file},
		{"unevictable", &ret->locked},	  {"slab_reclaimable", &ret->slab},
		{"file_writeback", &ret->writes}, {"file_dirty", &ret->writes},
	};

	*ret = (struct cg_parts){0};
	if (cg_read_u64(c, "memory.current", NULL, &ret->usage) < 0)
		ret->usage = 0;
	ret->swap_left = cg_limits_swap_left(c);
	if (file_read_kernel(c->dir_fd, "memory.stat", text, sizeof(text)) < 0)
		return;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		uint64_t v;

		if (cg_read_key(text, keys[i].key, &v) == 0)
			*keys[i].to += v;
	}
}

uint64_t cg_limits_floor(const struct cg *c)
{
	struct cg_parts p;

	cg_limits_parts(c, &p);
	uint64_t takes = p.file + p.slab + (p.anon < p.swap_left ? p.anon : p.swap_left);

	return p.usage > takes ? p.usage - takes : 0;
}
