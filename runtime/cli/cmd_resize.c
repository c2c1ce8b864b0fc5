/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_resize: the verb resize: limits for people. Its options become the resources that
 * life_resize() takes, counted from what is in force. */
#include "runtime/cli/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>
#include "base/num.h"
#include "base/proc.h"
#include "runtime/cli/resize.h"
#include "base/ban.h"

enum resize_format { RESIZE_TABLE, RESIZE_JSON, RESIZE_FORMAT_N };
static const struct word format_rows[] = {{"table", 0}, {"json", 0}};
WORDS_COMPLETE(format_rows, RESIZE_FORMAT_N);
static const struct word_list format_words = {"format", format_rows, RESIZE_FORMAT_N, ""};

struct resize_args {
	const char *cpus, *cpuset, *cpuset_mems, *memory, *swap, *reservation, *pids, *timeout;
	const char *weight, *io_weight;
	struct strvec io;
	bool is_dry, is_forced;
	struct opt_enum format;
};
#define A struct resize_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_STR(A, memory, "memory", 'm', "SIZE", NULL, "memory limit: 768M, +256M, -25%, max"),
	O_STR(A, swap, "swap", 0, "SIZE", NULL, "limit of swap alone: 1G, +256M, 0, max"),
	O_STR(A, reservation, "reservation", 0, "SIZE", NULL, "memory that is protected from reclaim; 0 takes the protection away"),
	O_STR(A, cpus, "cpus", 'c', "N", NULL, "CPU time, in CPUs: 1.5, +0.5, -25%, max"),
	O_STR(A, cpuset, "cpuset", 0, "LIST", NULL, "CPUs to run on, such as 0-3,7; an empty list lifts the limit"),
	O_STR(A, cpuset_mems, "cpuset-mems", 0, "LIST", NULL, "memory nodes to use"),
	O_STR(A, weight, "weight", 0, "N", NULL, "share of CPU time relative to other containers, 1 to 10000"),
	O_STR(A, pids, "pids", 0, "N", NULL, "how many tasks there may be: 500, +100, max"),
	O_STRS(A, io, "io", 0, "DISK:RATES", "limits of a disk, such as /dev/vda:rbps=10M,wiops=100; rbps, wbps, riops, wiops; max lifts one"),
	O_STR(A, io_weight, "io-weight", 0, "N", NULL, "share of disk time relative to other containers, 10 to 1000"),
	O_FLAG(A, is_dry, "dry-run", 'n', "show what would be written, and change nothing"),
	O_FLAG(A, is_forced, "force", 'f', "lower the memory limit even if it does not fit: the kernel may then end processes"),
	O_STR(A, timeout, "timeout", 't', "TIME", "30s", "how long to take memory back: 30s, 2m"),
	O_WORD(A, format, "format", 0, &format_words, "table", "how to print"),
};
/* clang-format on */

#define PIDS_MOST   UINT64_C(4194304) /* of the kernel's pids.max */
#define QUOTA_LEAST 1000	      /* microseconds, of the kernel's cpu.max */
#define LIST_BITS   8192
#define TELL_USEC   100000 /* between two lines of progress */

/* The objects that the options can set. */
struct resize_doc {
	struct spec_resources res;
	struct spec_memory memory;
	struct spec_cpu cpu;
	struct spec_pids pids;
	struct spec_block_io io;
	struct strpair unified[2];
};

struct resize {
	struct cmd_call *call;
	const A *a;
	bool is_json, is_terminal;
	struct life_size before, after;
	struct cg_host host;
	struct resize_doc doc;
	uint64_t told_usec;
};

/* ---- from options to resources ---- */

static int bad(const char *option, const char *text, const char *why, struct err *e)
{
	char shown[80];

	return err_set(e, ERR_INPUT, EINVAL, "option '--%s': \"%s\" %s", option,
		       str_printable(shown, sizeof(shown), text), why);
}

static void add_unified(struct resize *z, const char *key, char *value)
{
	struct strmap *m = &z->doc.res.unified;

	m->v = z->doc.unified;
	m->v[m->n++] = (struct strpair){(char *)key, value};
}

static int need(bool has, const char *option, const char *ctrl, struct err *e)
{
	if (has)
		return 0;
	return err_set(e, ERR_MISSING, ENOENT,
		       "option '--%s': the controller `%s` is not available in the container's "
		       "cgroup",
		       option, ctrl);
}

static int set_cpus(struct resize *z, struct err *e)
{
	const struct cg_limits *l = &z->before.limits;
	const struct resize_ask ask = {"cpus", RESIZE_CPUS, cmd_resize_cpus(l)};
	uint64_t cpus;
	int r = need(l->has_cpu, "cpus", "cpu", e);

	if (r == 0)
		r = cmd_resize_value(&ask, z->a->cpus, &cpus, e);
	if (r < 0)
		return r;
	z->doc.res.cpu = &z->doc.cpu;
	if (cpus == CG_UNLIMITED) {
		z->doc.cpu.quota = (struct opt_i64){true, -1};
		return 0;
	}
	if (z->host.cpus && cpus > z->host.cpus * RESIZE_CPU)
		return err_set(e, ERR_INPUT, ERANGE,
			       "option '--cpus': %s is more than the host has (%" PRIu64
			       " CPUs): max lifts the limit",
			       cmd_resize_text(RESIZE_CPUS, cpus, z->call->arena), z->host.cpus);
	uint64_t quota = (uint64_t)((unsigned __int128)cpus * l->period / RESIZE_CPU);

	if (quota < QUOTA_LEAST)
		return err_set(
			e, ERR_INPUT, ERANGE,
			"option '--cpus': %s is too little: the least is %s, with its period "
			"of %" PRIu64 " us",
			cmd_resize_text(RESIZE_CPUS, cpus, z->call->arena),
			cmd_resize_text(RESIZE_CPUS, QUOTA_LEAST * RESIZE_CPU / l->period,
					z->call->arena),
			l->period);
	z->doc.cpu.quota = (struct opt_i64){true, (int64_t)quota};
	return 0;
}

/* A list that the kernel would take, and then use another one. */
static int set_lists(struct resize *z, struct err *e)
{
	uint64_t want[LIST_BITS / 64] = {0}, have[LIST_BITS / 64] = {0};
	const struct cg_limits *l = &z->before.limits;
	const char *list = z->a->cpuset;
	int r = 0;

	if (list || z->a->cpuset_mems)
		r = need(l->cpus != NULL, list ? "cpuset" : "cpuset-mems", "cpuset", e);
	if (r < 0)
		return r;
	if (list && *list) {
		if (num_list(list, want, LIST_BITS) < 0)
			return bad("cpuset", list, "is not a list such as 0-3,7", e);
		if (num_list(z->host.online, have, LIST_BITS) == 0)
			for (size_t i = 0; i < LIST_BITS / 64; i++)
				if (want[i] & ~have[i])
					return err_set(e, ERR_INPUT, ERANGE,
						       "option '--cpuset': \"%.64s\" names CPUs "
						       "that the host does not have (it has %.64s)",
						       list, z->host.online);
	}
	if (z->a->cpuset_mems && *z->a->cpuset_mems &&
	    num_list(z->a->cpuset_mems, want, LIST_BITS) < 0)
		return bad("cpuset-mems", z->a->cpuset_mems, "is not a list such as 0-1", e);
	if (list || z->a->cpuset_mems)
		z->doc.res.cpu = &z->doc.cpu;
	z->doc.cpu.cpus = (char *)list;
	z->doc.cpu.mems = (char *)z->a->cpuset_mems;
	return 0;
}

static int set_weights(struct resize *z, struct err *e)
{
	uint64_t v;

	if (z->a->weight) {
		if (num_u64(z->a->weight, &v) < 0 || v < 1 || v > 10000)
			return bad("weight", z->a->weight, "is not a number from 1 to 10000", e);
		int r = need(z->before.limits.has_cpu, "weight", "cpu", e);
		if (r < 0)
			return r;
		add_unified(z, "cpu.weight", arena_printf(z->call->arena, "%" PRIu64, v));
	}
	if (z->a->io_weight) {
		if (num_u64(z->a->io_weight, &v) < 0 || v < 10 || v > 1000)
			return bad("io-weight", z->a->io_weight, "is not a number from 10 to 1000",
				   e);
		z->doc.res.block_io = &z->doc.io;
		z->doc.io.weight = (struct opt_u32){true, (uint32_t)v};
	}
	return 0;
}

static int set_pids(struct resize *z, struct err *e)
{
	const struct resize_ask ask = {"pids", RESIZE_COUNT, z->before.limits.pids};
	uint64_t v;
	int r = need(z->before.limits.has_pids, "pids", "pids", e);

	if (r == 0)
		r = cmd_resize_value(&ask, z->a->pids, &v, e);
	if (r < 0)
		return r;
	if (v != CG_UNLIMITED && v > PIDS_MOST)
		return bad("pids", z->a->pids, "is more than the kernel's most, 4194304", e);
	z->doc.res.pids = &z->doc.pids;
	z->doc.pids.limit = (struct opt_i64){true, v == CG_UNLIMITED ? -1 : (int64_t)v};
	return 0;
}

static int read_memory(struct resize *z, uint64_t *ret, struct err *e)
{
	const struct resize_ask ask = {"memory", RESIZE_BYTES, z->before.limits.memory};
	int r = cmd_resize_value(&ask, z->a->memory, ret, e);

	if (r < 0 || *ret == CG_UNLIMITED)
		return r;
	if (*ret == 0)
		return bad("memory", z->a->memory, "would leave nothing", e);
	if (z->host.memory && *ret > z->host.memory)
		return err_set(e, ERR_INPUT, ERANGE,
			       "option '--memory': %s is more than the host has (%s): max lifts "
			       "the limit",
			       cmd_resize_text(RESIZE_BYTES, *ret, z->call->arena),
			       cmd_resize_text(RESIZE_BYTES, z->host.memory, z->call->arena));
	return 0;
}

/* The record counts memory and swap together (OCI); the user does not, and a change of the memory
 * limit alone leaves the swap as it is. */
static void put_swap(struct resize *z, uint64_t memory, uint64_t swap)
{
	struct spec_memory *m = &z->doc.memory;

	if (memory == CG_UNLIMITED && swap == 0) {
		add_unified(z, "memory.swap.max", (char *)"0"); /* 0 is not set in the record */
		return;
	}
	z->doc.res.memory = m;
	if (memory == CG_UNLIMITED)
		m->limit = (struct opt_i64){true, -1};
	if (swap == CG_UNLIMITED)
		m->swap = (struct opt_i64){true, -1};
	else
		m->swap = (struct opt_i64){
			true, (int64_t)(memory == CG_UNLIMITED ? swap : memory + swap)};
}

static int set_memory(struct resize *z, struct err *e)
{
	const struct cg_limits *l = &z->before.limits;
	const struct resize_ask swap_ask = {"swap", RESIZE_BYTES, l->swap};
	uint64_t memory = l->memory, swap = l->swap;
	int r = need(l->has_memory,
		     z->a->memory ? "memory"
		     : z->a->swap ? "swap"
				  : "reservation",
		     "memory", e);

	if (r == 0 && z->a->memory)
		r = read_memory(z, &memory, e);
	if (r == 0 && z->a->swap)
		r = need(l->has_swap, "swap", "memory (with swap)", e);
	if (r == 0 && z->a->swap)
		r = cmd_resize_value(&swap_ask, z->a->swap, &swap, e);
	if (r < 0)
		return r;
	if (z->a->memory) {
		z->doc.res.memory = &z->doc.memory;
		z->doc.memory.limit =
			(struct opt_i64){true, memory == CG_UNLIMITED ? -1 : (int64_t)memory};
	}
	if (z->a->swap || (z->a->memory && l->has_swap && swap != CG_UNLIMITED))
		put_swap(z, memory, swap);
	if (!z->a->reservation)
		return 0;
	const struct resize_ask low_ask = {"reservation", RESIZE_BYTES, l->low};
	uint64_t low;

	r = cmd_resize_value(&low_ask, z->a->reservation, &low, e);
	if (r < 0)
		return r;
	if (low == 0) {
		add_unified(z, "memory.low", (char *)"0"); /* 0 is not set in the record */
		return 0;
	}
	if (low != CG_UNLIMITED && low > memory)
		return bad("reservation", z->a->reservation, "is more than the memory limit", e);
	z->doc.res.memory = &z->doc.memory;
	z->doc.memory.reservation = (struct opt_i64){true, low == CG_UNLIMITED ? -1 : (int64_t)low};
	return 0;
}

static int set_io(struct resize *z, struct err *e)
{
	struct spec_block_io *io = &z->doc.io;
	struct spec_throttle_device_vec *const lists[] = {
		[RESIZE_RBPS] = &io->read_bps,
		[RESIZE_WBPS] = &io->write_bps,
		[RESIZE_RIOPS] = &io->read_iops,
		[RESIZE_WIOPS] = &io->write_iops,
	};
	size_t n = z->a->io.n;
	int r = n ? need(z->before.limits.has_io, "io", "io", e) : 0;

	if (r < 0 || n == 0)
		return r;
	z->doc.res.block_io = io;
	for (size_t k = 0; k < RESIZE_RATE_N; k++)
		lists[k]->v = arena_array(z->call->arena, n, sizeof(*lists[k]->v));
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct spec_throttle_device d = {.major.has = true, .minor.has = true};
		struct resize_io one;

		r = cmd_resize_io(z->a->io.v[i], &one, e);
		if (r == 0)
			r = cmd_resize_disk(one.device, "/sys", &d.major.v, &d.minor.v, e);
		for (size_t k = 0; r == 0 && k < RESIZE_RATE_N; k++) {
			if (!one.has[k])
				continue;
			/* 0 lifts in the record. */
			d.rate = (struct opt_u64){true,
						  one.rate[k] == CG_UNLIMITED ? 0 : one.rate[k]};
			lists[k]->v[lists[k]->n++] = d;
		}
	}
	return r;
}

static int make_doc(struct resize *z, struct err *e)
{
	const A *a = z->a;
	int r = 0;

	if (a->memory || a->swap || a->reservation)
		r = set_memory(z, e);
	if (r == 0 && a->cpus)
		r = set_cpus(z, e);
	if (r == 0)
		r = set_lists(z, e);
	if (r == 0)
		r = set_weights(z, e);
	if (r == 0 && a->pids)
		r = set_pids(z, e);
	return r < 0 ? r : set_io(z, e);
}

static bool is_empty(const A *a)
{
	return !a->memory && !a->swap && !a->reservation && !a->cpus && !a->cpuset &&
	       !a->cpuset_mems && !a->weight && !a->io_weight && !a->pids && a->io.n == 0;
}

/* ---- telling ---- */

static void progress(void *arg, const struct cg_shrink_step *s)
{
	struct resize *z = arg;
	struct buf *out = z->call->out;
	struct err e = ERR_INIT;
	AUTO(arena) m = {0};
	uint64_t now = proc_now_usec();

	if ((!z->is_json && !z->is_terminal) || now - z->told_usec < TELL_USEC)
		return;
	z->told_usec = now;
	if (z->is_json)
		buf_printf(out,
			   "{\"progress\":{\"usage\":%" PRIu64 ",\"target\":%" PRIu64
			   ",\"swap\":%" PRIu64 ",\"leftMs\":%" PRId64 "}}\n",
			   s->usage, s->target, s->swap, s->left_ms);
	else
		buf_printf(out, "\r\033[Kmemory: %s of %s, %s in swap, %" PRId64 " s left",
			   cmd_resize_text(RESIZE_BYTES, s->usage, &m),
			   cmd_resize_text(RESIZE_BYTES, s->target, &m),
			   cmd_resize_text(RESIZE_BYTES, s->swap, &m), (s->left_ms + 999) / 1000);
	/* Who asked is gone: as if he had hung up, so that all is put back. */
	if (z->call->flush(z->call, &e) < 0)
		(void)raise(SIGHUP);
}

static void print_result(struct resize *z, const struct life_resize_args *args, uint64_t usec)
{
	struct buf *out = z->call->out;
	struct arena *m = z->call->arena;

	if (!z->is_json) {
		cmd_resize_table(&z->before, &z->after, m, out);
		buf_printf(out, "done in %" PRIu64 ".%" PRIu64 " s", usec / 1000000,
			   usec / 100000 % 10);
		if (args->taken)
			buf_printf(out, ", %s taken back",
				   cmd_resize_text(RESIZE_BYTES, args->taken, m));
		buf_addc(out, '\n');
		return;
	}
	buf_adds(out, "{\"id\":");
	json_print_string(args->id, out);
	buf_adds(out, ",\"before\":");
	cmd_resize_json(&z->before, out);
	buf_adds(out, ",\"after\":");
	cmd_resize_json(&z->after, out);
	buf_printf(out, ",\"taken\":%" PRIu64 ",\"seconds\":%" PRIu64 ".%03" PRIu64 "}\n",
		   args->taken, usec / 1000000, usec / 1000 % 1000);
}

static int print_plan(struct resize *z, const struct life_resize_args *args, struct err *e)
{
	struct buf *out = z->call->out;
	struct life_resize_plan plan;
	int r = life_resize_plan(z->call->host, args, z->call->arena, &plan, e);

	if (r < 0)
		return r;
	if (!z->is_json) {
		cmd_resize_plan_table(&plan, &z->before, z->call->arena, out);
		return 0;
	}
	buf_adds(out, "{\"id\":");
	json_print_string(args->id, out);
	buf_adds(out, ",\"before\":");
	cmd_resize_json(&z->before, out);
	buf_addc(out, ',');
	cmd_resize_plan_json(&plan, &z->before, out);
	buf_adds(out, "}\n");
	return 0;
}

static int change(struct resize *z, struct life_resize_args *args, struct err *e)
{
	uint64_t start = proc_now_usec();

	/* A reader that is gone is met by progress(). */
	(void)signal(SIGPIPE, SIG_IGN);
	int r = life_resize(z->call->host, args, e);

	if (z->told_usec && !z->is_json)
		buf_adds(z->call->out, "\r\033[K");
	if (r < 0) {
		if (z->is_json && args->floor) {
			buf_adds(z->call->out, "{\"id\":");
			json_print_string(args->id, z->call->out);
			buf_printf(z->call->out, ",\"floor\":%" PRIu64 "}\n", args->floor);
		}
		return r;
	}
	uint64_t took = proc_now_usec() - start;

	if (life_resize_look(z->call->host, args->id, z->call->arena, &z->after, e) < 0) {
		/* It did change, and then the container ended: a table would be of nothing. */
		err_clear(e);
		return 0;
	}
	print_result(z, args, took);
	return 0;
}

static int run(struct cmd_call *call, struct err *e)
{
	const A *a = call->args;
	struct resize *z = arena_alloc(call->arena, sizeof(*z));
	uint64_t usec = 0;

	z->call = call;
	z->a = a;
	z->is_json = a->format.has && a->format.v == RESIZE_JSON;
	z->is_terminal = isatty(STDOUT_FILENO);
	struct life_resize_args args = {.id = call->words[0],
					.want = &z->doc.res,
					.is_forced = a->is_forced,
					.progress = progress,
					.arg = z};

	if (is_empty(a))
		return err_set(e, ERR_INPUT, EINVAL,
			       "nothing to change: give --memory or another option");
	if (a->timeout &&
	    (num_duration(a->timeout, &usec) < 0 || usec < 1000 || usec / 1000 > INT_MAX))
		return bad("timeout", a->timeout, "is not a time such as 30s or 2m", e);
	args.deadline_ms = (int)(usec / 1000);
	cg_limits_host(&z->host);
	int r = life_resize_look(call->host, args.id, call->arena, &z->before, e);

	if (r == 0)
		r = make_doc(z, e);
	if (r < 0)
		return r;
	return a->is_dry ? print_plan(z, &args, e) : change(z, &args, e);
}

const struct cmd_verb cmd_resize = {
	.name = "resize",
	.group = CMD_LIFECYCLE,
	.word = CMD_WORD_ID,
	.summary = "change the size of a container while it lives, without killing",
	.words = "ID",
	.detail =
		"Changes limits of a container that is created, running or paused, and shows what "
		"was and what is. A value is absolute, or with a sign a change of the limit in "
		"force: +256M, -25%, +0.5; max lifts a limit. What is not named stays as it is.\n\n"
		"A limit that grows is one write. A memory limit that shrinks is lowered only once "
		"the memory is taken back: the kernel reclaims it step by step while the container "
		"goes on, held by memory.high so that it cannot grow meanwhile. When it does not "
		"fit (memory that is locked, or anonymous with no swap left, or a working set that "
		"would only thrash) all is put back, and the error says how low the limit can go. "
		"An interrupt (Ctrl-C) puts all back too. --force lowers the limit even so, at the "
		"price of processes that the kernel ends.\n\n"
		"--swap counts swap alone, other than --memory-swap of update; a new memory limit "
		"leaves it as it is. Limits above the host's size are refused. With --format json "
		"there are lines of progress, then one object with before, after (limits, null for "
		"none, and what is used), taken and seconds; with --dry-run before, writes, floor "
		"and fits.",
	.example = "resize --memory -25% --cpus 1.5 web",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(A),
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
