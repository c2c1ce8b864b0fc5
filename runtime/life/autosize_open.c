/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/autosize_open: from the arguments to the watched containers: all checks come here,
 * before the first change. Called by autosize.c.
 */
#include "runtime/life/autosize_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/num.h"
#include "base/ban.h"

static uint64_t host_total(enum autosize_res res)
{
	char text[8192];
	uint64_t kib = 0;

	if (res == AUTOSIZE_CPU) {
		const long n = sysconf(_SC_NPROCESSORS_ONLN);
		return n > 0 ? (uint64_t)n * AUTOSIZE_ONE_CPU : AUTOSIZE_NONE;
	}
	const char *s = file_read_kernel(AT_FDCWD, "/proc/meminfo", text, sizeof(text)) > 0
				? strstr(text, "MemTotal:")
				: NULL;
	if (!s)
		return AUTOSIZE_NONE;
	s += strlen("MemTotal:");
	s += strspn(s, " ");
	return num_u64n(s, strcspn(s, " \n"), &kib) < 0 ? AUTOSIZE_NONE : kib * 1024;
}

/* What a container's entry in the policy says, over the options. */
static int set_ranges(const struct life_autosize_args *a, size_t i, struct autosize_unit *u,
		      struct err *e)
{
	int r = 0;

	u->id = a->ids[i];
	u->weight = AUTOSIZE_WEIGHT_DEFAULT;
	memcpy(u->range, a->range, sizeof(u->range));
	for (size_t k = 0; r == 0 && k < a->policy->containers.n; k++) {
		const struct autosize_own *o = &a->policy->containers.v[k];
		if (!str_eq(o->id, u->id))
			continue;
		if (o->weight.has)
			u->weight = o->weight.v;
		if (o->memory)
			r = life_autosize_range(AUTOSIZE_MEMORY, o->memory, "policy: memory",
						&u->range[AUTOSIZE_MEMORY], e);
		if (r == 0 && o->cpus)
			r = life_autosize_range(AUTOSIZE_CPU, o->cpus, "policy: cpus",
						&u->range[AUTOSIZE_CPU], e);
	}
	if (a->weights && a->weights[i])
		u->weight = a->weights[i];
	if (r == 0 && !u->range[AUTOSIZE_MEMORY].has && !u->range[AUTOSIZE_CPU].has)
		r = err_set(e, ERR_INPUT, EINVAL,
			    "no range: give --memory MIN..MAX, --cpus "
			    "MIN..MAX, or both");
	for (int k = 0; r == 0 && k < AUTOSIZE_RES_N; k++) {
		const uint64_t host = host_total((enum autosize_res)k);
		char least[AUTOSIZE_TEXT_MAX], has[AUTOSIZE_TEXT_MAX];
		if (u->range[k].has && u->range[k].min > host)
			r = err_set(
				e, ERR_INPUT, ERANGE,
				"%s: the least, %s, is more than this host has, %s",
				word_text(&life_autosize_words_res, k),
				life_autosize_amount((enum autosize_res)k, u->range[k].min, least),
				life_autosize_amount((enum autosize_res)k, host, has));
	}
	return r;
}

static int check_budget(const struct autosize *c, enum autosize_res res, struct err *e)
{
	const uint64_t budget = c->a->budget[res];
	char sum_text[AUTOSIZE_TEXT_MAX], budget_text[AUTOSIZE_TEXT_MAX];
	uint64_t sum = 0;
	bool has_any = false;

	for (size_t i = 0; i < c->n; i++)
		if (c->units[i].range[res].has) {
			sum += c->units[i].range[res].min;
			has_any = true;
		}
	if (budget == AUTOSIZE_NONE)
		return 0;
	if (!has_any)
		return err_set(e, ERR_INPUT, EINVAL,
			       "--budget: %s without a range: give --%s MIN..MAX",
			       word_text(&life_autosize_words_res, (int)res),
			       res == AUTOSIZE_MEMORY ? "memory" : "cpus");
	if (sum <= budget)
		return 0;
	return err_set(e, ERR_INPUT, ERANGE,
		       "--budget: %s: the least of all ranges together, %s, is more than the "
		       "budget, %s",
		       word_text(&life_autosize_words_res, (int)res),
		       life_autosize_amount(res, sum, sum_text),
		       life_autosize_amount(res, budget, budget_text));
}

/* Without its controller there is no limit to change. */
static int check_controllers(const struct autosize_unit *u, struct err *e)
{
	static const char *const files[] = {
		[AUTOSIZE_MEMORY] = "memory.max", [AUTOSIZE_CPU] = "cpu.max"};

	for (int i = 0; i < AUTOSIZE_RES_N; i++)
		if (u->range[i].has && faccessat(u->watch.cg.dir_fd, files[i], F_OK, 0) < 0)
			return err_set(e, ERR_MISSING, ENOTSUP,
				       "it has no %s limit to change: cgroup \"%s\" is without "
				       "the %s controller",
				       word_text(&life_autosize_words_res, i), u->watch.cg.path,
				       word_text(&life_autosize_words_res, i));
	return 0;
}

/* A resource without a trigger is looked at by the time alone. */
int life_autosize_arm(struct autosize *c, struct autosize_unit *u, enum autosize_res res,
		      struct err *e)
{
	const uint32_t window = c->a->policy->check->window.v * 1000;
	/* Throttled tasks all wait: full. "some" would also tell of more tasks than CPUs. */
	struct cg_psi_trigger t = {.file = res == AUTOSIZE_MEMORY ? CG_PSI_MEMORY : CG_PSI_CPU,
				   .is_full = res == AUTOSIZE_CPU,
				   .window_usec = window};
	struct autosize_note n = {.kind = AUTOSIZE_WARN, .res = res};
	struct err why = ERR_INIT;

	t.stall_usec = (uint32_t)((uint64_t)window *
				  life_autosize_rules(c->a->policy, res)->pressure.v / 100);
	if (cg_psi_arm(&u->watch.cg, &t, &u->psi_fd[res], &why) == 0)
		return 0;
	n.text = why.text;
	return life_autosize_tell(c, u, &n, e);
}

static int open_unit(struct autosize *c, struct autosize_unit *u, struct err *e)
{
	int r = life_watch_open(c->h, u->id, &u->watch, e);

	if (r == 0)
		r = check_controllers(u, e);
	if (r == 0)
		r = life_autosize_look(u, &u->counts, e);
	for (int i = 0; r == 0 && i < AUTOSIZE_RES_N; i++)
		life_autosize_sample((enum autosize_res)i, &u->counts, &u->counts, 0, &u->last[i]);
	return r;
}

/* All checks come before the first change. */
int life_autosize_prepare(struct autosize *c, struct err *e)
{
	const struct life_autosize_args *a = c->a;
	int r = 0;

	c->units = mem_alloc((a->n_ids + 1) * sizeof(*c->units));
	for (size_t i = 0; r == 0 && i < a->n_ids; i++) {
		struct autosize_unit *u = &c->units[c->n++];
		*u = (struct autosize_unit){.watch = LIFE_WATCH_INIT,
					    .psi_fd = {FD_NONE, FD_NONE},
					    .said = {-1, -1},
					    .interval =
						    life_autosize_usec(a->policy->check->first)};
		r = set_ranges(a, i, u, e);
		if (r < 0)
			err_prefix(e, "%s", a->ids[i]);
	}
	for (int i = 0; r == 0 && i < AUTOSIZE_RES_N; i++)
		r = check_budget(c, (enum autosize_res)i, e);
	for (size_t i = 0; r == 0 && i < c->n; i++) {
		r = open_unit(c, &c->units[i], e);
		if (r < 0)
			err_prefix(e, "%s", a->ids[i]);
	}
	c->n_live = c->n;
	return r;
}
