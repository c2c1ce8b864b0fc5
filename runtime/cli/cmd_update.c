/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_update: the verb update: its options become the same document that --resources
 * takes (conformance.md U100-U108). */
#include "runtime/cli/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "base/ban.h"

struct update_args {
	const char *resources;
	const char *blkio_weight, *cpu_period, *cpu_quota, *cpu_burst, *cpu_share, *cpu_idle;
	const char *cpu_rt_period, *cpu_rt_runtime, *cpuset_cpus, *cpuset_mems;
	const char *memory, *memory_reservation, *memory_swap, *kernel_memory, *kernel_memory_tcp;
	const char *pids_limit, *l3_cache_schema, *mem_bw_schema;
};
#define A struct update_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_STR(A, resources, "resources", 'r', "FILE", NULL,
	      "a JSON object like linux.resources with what is to change; - reads it from the standard input"),
	O_STR(A, memory, "memory", 0, "SIZE", NULL, "memory limit: 512M, 1g, 50% of the host's; -1 or max lifts it"),
	O_STR(A, memory_reservation, "memory-reservation", 0, "SIZE", NULL, "memory that is protected from reclaim"),
	O_STR(A, memory_swap, "memory-swap", 0, "SIZE", NULL, "limit of memory and swap together; -1 lifts that of swap"),
	O_STR(A, cpu_quota, "cpu-quota", 0, "USEC", NULL, "CPU time in a period, in microseconds; -1 lifts the limit"),
	O_STR(A, cpu_period, "cpu-period", 0, "USEC", NULL, "length of the period, in microseconds"),
	O_STR(A, cpu_burst, "cpu-burst", 0, "USEC", NULL, "unused CPU time that may be saved up for later, in microseconds"),
	O_STR(A, cpu_share, "cpu-share", 0, "N", NULL, "CPU share relative to other containers, 2 to 262144"),
	O_STR(A, cpu_idle, "cpu-idle", 0, "0|1", NULL, "1 lets the container run only when nobody else wants to"),
	O_STR(A, cpuset_cpus, "cpuset-cpus", 0, "LIST", NULL, "CPUs to run on, such as 0-3,7; an empty list lifts the limit"),
	O_STR(A, cpuset_mems, "cpuset-mems", 0, "LIST", NULL, "memory nodes to use"),
	O_STR(A, pids_limit, "pids-limit", 0, "N", NULL, "how many tasks there may be; -1 or max lifts the limit"),
	O_STR(A, blkio_weight, "blkio-weight", 0, "N", NULL, "share of disk time relative to other containers, 10 to 1000"),
	O_STR(A, l3_cache_schema, "l3-cache-schema", 0, "TEXT", NULL, "L3 cache schema of the container's resctrl group"),
	O_STR(A, mem_bw_schema, "mem-bw-schema", 0, "TEXT", NULL, "memory bandwidth schema of the container's resctrl group"),
	{"cpu-rt-period", 0, true, CMD_OPT_STR, CMD_OFF(A, cpu_rt_period, const char *), "USEC", 0, "", 0},
	{"cpu-rt-runtime", 0, true, CMD_OPT_STR, CMD_OFF(A, cpu_rt_runtime, const char *), "USEC", 0, "", 0},
	{"kernel-memory", 0, true, CMD_OPT_STR, CMD_OFF(A, kernel_memory, const char *), "SIZE", 0, "", 0},
	{"kernel-memory-tcp", 0, true, CMD_OPT_STR, CMD_OFF(A, kernel_memory_tcp, const char *), "SIZE", 0, "", 0},
};
/* clang-format on */

/* The objects that the options can set. */
struct update_doc {
	struct spec_resources res;
	struct spec_memory memory;
	struct spec_cpu cpu;
	struct spec_pids pids;
	struct spec_block_io io;
};

/* ---- values ---- */

enum value_kind { VALUE_SIZE, VALUE_I64, VALUE_U64, VALUE_U32, VALUE_COUNT, VALUE_TEXT };
static const char *const wanted[] = {
	[VALUE_SIZE] = "a size such as 512M, 1g, 50%, or -1",
	[VALUE_I64] = "a whole number",
	[VALUE_U64] = "a number that is not negative",
	[VALUE_U32] = "a number that is not negative",
	[VALUE_COUNT] = "a number, max or -1",
	[VALUE_TEXT] = "",
};

/* clang-format off */
static const struct value {
	const char *option;
	enum value_kind kind;
	size_t from, to; /* in update_args, in update_doc */
} values[] = {
	{"blkio-weight",       VALUE_U32,   offsetof(A, blkio_weight),       offsetof(struct update_doc, io.weight)},
	{"cpu-period",         VALUE_U64,   offsetof(A, cpu_period),         offsetof(struct update_doc, cpu.period)},
	{"cpu-quota",          VALUE_I64,   offsetof(A, cpu_quota),          offsetof(struct update_doc, cpu.quota)},
	{"cpu-burst",          VALUE_U64,   offsetof(A, cpu_burst),          offsetof(struct update_doc, cpu.burst)},
	{"cpu-share",          VALUE_U64,   offsetof(A, cpu_share),          offsetof(struct update_doc, cpu.shares)},
	{"cpu-idle",           VALUE_I64,   offsetof(A, cpu_idle),           offsetof(struct update_doc, cpu.idle)},
	{"cpu-rt-period",      VALUE_U64,   offsetof(A, cpu_rt_period),      offsetof(struct update_doc, cpu.realtime_period)},
	{"cpu-rt-runtime",     VALUE_I64,   offsetof(A, cpu_rt_runtime),     offsetof(struct update_doc, cpu.realtime_runtime)},
	{"cpuset-cpus",        VALUE_TEXT,  offsetof(A, cpuset_cpus),        offsetof(struct update_doc, cpu.cpus)},
	{"cpuset-mems",        VALUE_TEXT,  offsetof(A, cpuset_mems),        offsetof(struct update_doc, cpu.mems)},
	{"memory",             VALUE_SIZE,  offsetof(A, memory),             offsetof(struct update_doc, memory.limit)},
	{"memory-reservation", VALUE_SIZE,  offsetof(A, memory_reservation), offsetof(struct update_doc, memory.reservation)},
	{"memory-swap",        VALUE_SIZE,  offsetof(A, memory_swap),        offsetof(struct update_doc, memory.swap)},
	{"pids-limit",         VALUE_COUNT, offsetof(A, pids_limit),         offsetof(struct update_doc, pids.limit)},
};
/* clang-format on */
#define N_VALUES (sizeof(values) / sizeof(values[0]))

/* MemTotal in bytes, or 0. */
static uint64_t host_memory(void)
{
	char text[8192];
	uint64_t kib = 0;
	const char *s = file_read_kernel(AT_FDCWD, "/proc/meminfo", text, sizeof(text)) > 0
				? strstr(text, "MemTotal:")
				: NULL;

	if (!s)
		return 0;
	s += strlen("MemTotal:");
	s += strspn(s, " ");
	return num_u64n(s, strcspn(s, " \n"), &kib) < 0 ? 0 : kib * 1024;
}

/* Leaf. */
static int parse_size(const char *s, int64_t *ret)
{
	size_t n = strlen(s);
	uint64_t percent;

	if (n < 2 || s[n - 1] != '%')
		return num_size(s, ret);
	if (num_u64n(s, n - 1, &percent) < 0 || percent == 0 || percent > 100)
		return -EINVAL;
	/* Whole pages, and no overflow on the way. */
	*ret = (int64_t)(host_memory() / 100 * percent) & ~(int64_t)4095;
	return *ret > 0 ? 0 : -EINVAL;
}

/* Leaf. */
static int parse_value(const struct value *v, const char *s, void *to)
{
	int64_t i = -1;
	uint64_t u = 0;
	uint32_t u32 = 0;
	int r = 0;

	switch (v->kind) {
	case VALUE_SIZE:
		r = parse_size(s, &i);
		*(struct opt_i64 *)to = (struct opt_i64){true, i};
		break;
	case VALUE_COUNT:
	case VALUE_I64:
		r = v->kind == VALUE_COUNT && str_eq(s, "max") ? 0 : num_i64(s, &i);
		/* As in a document: the record takes no other negative number. */
		if (r == 0 && v->kind == VALUE_COUNT && i < -1)
			r = -EINVAL;
		*(struct opt_i64 *)to = (struct opt_i64){true, i};
		break;
	case VALUE_U64:
		r = num_u64(s, &u);
		*(struct opt_u64 *)to = (struct opt_u64){true, u};
		break;
	case VALUE_U32:
		r = num_u32(s, &u32);
		*(struct opt_u32 *)to = (struct opt_u32){true, u32};
		break;
	case VALUE_TEXT:
		*(const char **)to = s;
		break;
	}
	return r;
}

/* Puts the object that has the member at this offset into the document. */
static void use_object(struct update_doc *doc, size_t offset)
{
	if (offset >= offsetof(struct update_doc, io))
		doc->res.block_io = &doc->io;
	else if (offset >= offsetof(struct update_doc, pids))
		doc->res.pids = &doc->pids;
	else if (offset >= offsetof(struct update_doc, cpu))
		doc->res.cpu = &doc->cpu;
	else
		doc->res.memory = &doc->memory;
}

/* Return: how many options were there, or -e->code. */
static int parse_values(const A *a, struct update_doc *doc, struct err *e)
{
	int n = 0;

	for (size_t i = 0; i < N_VALUES; i++) {
		const struct value *v = &values[i];
		const char *s;

		memcpy(&s, (const char *)a + v->from, sizeof(s));
		if (!s)
			continue;
		if (parse_value(v, s, (char *)doc + v->to) < 0)
			return err_set(e, ERR_INPUT, EINVAL, "option '--%s': \"%.64s\" is not %s",
				       v->option, s, wanted[v->kind]);
		use_object(doc, v->to);
		n++;
	}
	return n;
}

static void warn_ignored(const A *a)
{
	if (a->kernel_memory)
		log_warn("--kernel-memory is ignored: cgroup v2 has no such limit");
	if (a->kernel_memory_tcp)
		log_warn("--kernel-memory-tcp is ignored: cgroup v2 has no such limit");
}

static int run(struct cmd_call *call, struct err *e)
{
	const A *a = call->args;
	struct update_doc doc = {0};
	struct life_update_args life = {.id = call->words[0],
					.resources = a->resources,
					.on_top = &doc.res,
					.l3_cache_schema = a->l3_cache_schema,
					.mem_bw_schema = a->mem_bw_schema};
	int n = parse_values(a, &doc, e);

	if (n < 0)
		return n;
	if (n == 0)
		life.on_top = NULL;
	warn_ignored(a);
	if (!n && !a->resources && !a->l3_cache_schema && !a->mem_bw_schema) {
		if (a->kernel_memory || a->kernel_memory_tcp)
			return 0;
		return err_set(e, ERR_INPUT, EINVAL,
			       "nothing to change: give --resources or another option");
	}
	return life_update(call->host, &life, e);
}

const struct cmd_verb cmd_update = {
	.name = "update",
	.group = CMD_LIFECYCLE,
	.word = CMD_WORD_ID,
	.summary = "change the limits of a container while it lives",
	.words = "ID",
	.detail =
		"Changes resource limits of a container that is created, running or paused. What "
		"is "
		"not named stays as it is; an option stands above the same value in --resources, "
		"where the case of property names does not matter. "
		"Every value is checked before the first is written; limits are loosened before "
		"others are tightened; and when the kernel refuses one of them, all are put back. "
		"The limits then in force are kept with the container and shown by state.\n\n"
		"Sizes are bytes, or numbers with k, m, g or t (powers of 1024). Device rules "
		"change only when --resources has devices: that list then takes the place of the "
		"old one in one step. With \"checkBeforeUpdate\": true in memory, a limit below "
		"what the container uses is refused; otherwise the memory is reclaimed and, when "
		"that does not suffice, the kernel ends processes: resize does not.",
	.example = "update --memory 768M --cpu-quota 150000 --pids-limit 500 web",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(A),
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
