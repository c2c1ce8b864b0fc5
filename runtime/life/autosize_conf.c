/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/autosize_conf: what autosize is told: the policy file (a field table), ranges, the
 * budget, and the defaults of all numbers. It must not know how they are used. Called by
 * runtime/cli and by autosize.c.
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/num.h"
#include "base/ban.h"

#define POLICY_MAX   (1u << 20)
#define MEMORY_LEAST (UINT64_C(1) << 20)
#define CPU_LEAST    (AUTOSIZE_ONE_CPU / 100) /* 1 ms, the kernel's least quota, of 100 ms */
#define CPU_MOST     (AUTOSIZE_ONE_CPU * 8192)

/* clang-format off */
static const struct word res_rows[] = {{"memory", 0}, {"cpu", 0}};
WORDS_COMPLETE(res_rows, AUTOSIZE_RES_N);
const struct word_list life_autosize_words_res = {"resource", res_rows, AUTOSIZE_RES_N, ""};

static const struct word why_rows[] = {
	{"it has what it needs", 0}, {"outside of its range", 0}, {"out of memory", 0},
	{"at its limit", 0}, {"pressure", 0}, {"has just grown", 0}, {"at the top of its range", 0},
	{"not calm", 0}, {"calm, not for long enough", 0}, {"calm", 0}, {"budget", 0},
};
WORDS_COMPLETE(why_rows, AUTOSIZE_WHY_N);
const struct word_list life_autosize_words_why = {"reason", why_rows, AUTOSIZE_WHY_N, ""};

static const struct word note_rows[] = {
	{"begin", 0}, {"resize", 0}, {"refused", 0}, {"failed", 0}, {"stays", 0},
	{"by-hand", 0}, {"end", 0}, {"warning", 0}, {"explain", 0},
};
WORDS_COMPLETE(note_rows, AUTOSIZE_NOTE_N);
const struct word_list life_autosize_words_note = {"note", note_rows, AUTOSIZE_NOTE_N, ""};

/* ---- the policy file; no property that is not here: a misspelled one would be without effect ---- */
#define R struct autosize_rules
#define MS_MAX 86400000
static const struct json_row memory_rows[] = {
	J_U32R(R, pressure, "pressure", JF_CLOSED, 1, 100),
	J_U32R(R, quiet, "quiet", 0, 0, 99),
	J_U32R(R, grow, "grow", 0, 1, 1000),
	J_U32R(R, headroom, "headroom", 0, 0, 1000),
	J_U32R(R, shrink, "shrink", 0, 1, 90),
	J_U32R(R, min_change, "minChange", 0, 1, 90),
	J_U32R(R, cooldown, "cooldownMs", 0, 10, MS_MAX),
	J_U32R(R, calm, "calmMs", 0, 100, MS_MAX),
	J_U32R(R, calm_max, "calmMaxMs", 0, 100, MS_MAX),
	J_U32R(R, step, "stepMs", 0, 100, MS_MAX),
	J_U32R(R, regret, "regretMs", 0, 0, MS_MAX),
	J_U32R(R, guard, "guard", 0, 0, 50), /* last: the CPU has none */
};
#define N_MEMORY (sizeof(memory_rows) / sizeof(memory_rows[0]))
static const struct json_table memory_table = {"autosize_memory", sizeof(R), memory_rows, N_MEMORY};
static const struct json_table cpu_table = {"autosize_cpu", sizeof(R), memory_rows, N_MEMORY - 1};

static const struct json_row check_rows[] = {
	J_U32R(struct autosize_check, window, "windowMs", JF_CLOSED, 500, 10000),
	J_U32R(struct autosize_check, first, "firstMs", 0, 100, MS_MAX),
	J_U32R(struct autosize_check, most, "maxMs", 0, 100, MS_MAX),
	J_U32R(struct autosize_check, deadline, "deadlineMs", 0, 100, 60000),
};
static const struct json_table check_table = {
	"autosize_check", sizeof(struct autosize_check), check_rows,
	sizeof(check_rows) / sizeof(check_rows[0])};

static const struct json_row own_rows[] = {
	J_U32R(struct autosize_own, weight, "weight", JF_CLOSED, 1, AUTOSIZE_WEIGHT_MAX),
	J_STR(struct autosize_own, memory, "memory", JF_NONEMPTY),
	J_STR(struct autosize_own, cpus, "cpus", JF_NONEMPTY),
};
static const struct json_table own_table = {
	"autosize_own", sizeof(struct autosize_own), own_rows,
	sizeof(own_rows) / sizeof(own_rows[0])};

#define P struct autosize_policy
static const struct json_row policy_rows[] = {
	J_OBJ(P, memory, "memory", JF_CLOSED, autosize_rules, &memory_table),
	J_OBJ(P, cpu, "cpu", 0, autosize_rules, &cpu_table),
	J_OBJ(P, check, "check", 0, autosize_check, &check_table),
	J_STR(P, budget, "budget", JF_NONEMPTY),
	J_OBJMAP(P, containers, "containers", 0, autosize_own, &own_table),
};
const struct json_table life_autosize_table = {
	"autosize_policy", sizeof(P), policy_rows, sizeof(policy_rows) / sizeof(policy_rows[0])};

/* ---- the defaults, and why ---- */
#define V(n) {true, n}
static const struct autosize_rules memory_defaults = {
	.pressure = V(10), .quiet = V(1),
	/* A limit that is reached costs time at every allocation: few, large growths. */
	.grow = V(30), .headroom = V(25),
	.shrink = V(20), .min_change = V(5),
	/* Between memory.high and memory.max the kernel slows allocations down instead of killing:
	   the time in which we raise both. */
	.guard = V(10),
	.cooldown = V(200), .calm = V(30000), .calm_max = V(900000), .step = V(5000), .regret = V(20000),
};
static const struct autosize_rules cpu_defaults = {
	.pressure = V(10), .quiet = V(2), .grow = V(50),
	/* The need is an average: what came in bursts has to fit as well. */
	.headroom = V(40),
	.shrink = V(20), .min_change = V(10), .guard = V(0),
	/* Shorter, and the last growth cannot be seen in the counters yet. */
	.cooldown = V(500), .calm = V(30000), .calm_max = V(900000), .step = V(5000), .regret = V(10000),
};
static const struct autosize_check check_defaults = {
	.window = V(1000), .first = V(5000), .most = V(60000), .deadline = V(3000)};
#undef V
/* clang-format on */

/* ---- amounts ---- */

static uint64_t unit_of(enum autosize_res res)
{
	return res == AUTOSIZE_MEMORY ? UINT64_C(1) << 20 : AUTOSIZE_ONE_CPU;
}

char *life_autosize_amount(enum autosize_res res, uint64_t v, char buf[AUTOSIZE_TEXT_MAX])
{
	if (v == AUTOSIZE_NONE) {
		snprintf(buf, AUTOSIZE_TEXT_MAX, "max");
		return buf;
	}
	const uint64_t unit = unit_of(res);
	/* Tenths of MiB, hundredths of a CPU; rounded. */
	const uint64_t part = res == AUTOSIZE_MEMORY ? 10 : 100;
	const uint64_t n = v / unit * part + (v % unit * part + unit / 2) / unit;

	if (res == AUTOSIZE_MEMORY)
		snprintf(buf, AUTOSIZE_TEXT_MAX, "%" PRIu64 ".%" PRIu64 "M", n / 10, n % 10);
	else
		snprintf(buf, AUTOSIZE_TEXT_MAX, "%" PRIu64 ".%02" PRIu64, n / 100, n % 100);
	return buf;
}

/* "0.25" of n bytes. Leaf. */
static int parse_cpus(const char *s, size_t n, uint64_t *ret)
{
	const char *dot = memchr(s, '.', n);
	const size_t n_whole = dot ? (size_t)(dot - s) : n;
	uint64_t whole = 0, part = 0;

	if (num_u64n(s, n_whole, &whole) < 0 || whole > CPU_MOST / AUTOSIZE_ONE_CPU)
		return -EINVAL;
	if (dot) {
		const size_t digits = n - n_whole - 1;

		if (digits > 6 || num_u64n(dot + 1, digits, &part) < 0)
			return -EINVAL;
		for (size_t i = digits; i < 6; i++)
			part *= 10;
	}
	*ret = whole * AUTOSIZE_ONE_CPU + part;
	return 0;
}

/* Leaf. */
static int parse_amount(enum autosize_res res, const char *s, size_t n, uint64_t *ret)
{
	char text[AUTOSIZE_TEXT_MAX];
	int64_t size;

	if (n == 0 || n >= sizeof(text))
		return -EINVAL;
	memcpy(text, s, n);
	text[n] = '\0';
	if (res == AUTOSIZE_CPU)
		return parse_cpus(text, n, ret);
	if (num_size(text, &size) < 0 || size < 0)
		return -EINVAL;
	*ret = (uint64_t)size;
	return 0;
}

int life_autosize_range(enum autosize_res res, const char *text, const char *what,
			struct autosize_range *ret, struct err *e)
{
	const char *dots = strstr(text, "..");
	const uint64_t least = res == AUTOSIZE_MEMORY ? MEMORY_LEAST : CPU_LEAST;
	struct autosize_range v = {.has = true};
	char a[AUTOSIZE_TEXT_MAX];

	if (!dots || parse_amount(res, text, (size_t)(dots - text), &v.min) < 0 ||
	    parse_amount(res, dots + 2, strlen(dots + 2), &v.max) < 0)
		return err_set(e, ERR_INPUT, EINVAL, "%s: \"%.64s\" is not a range such as %s",
			       what, text, res == AUTOSIZE_MEMORY ? "128M..2G" : "0.25..4");
	if (v.min > v.max)
		return err_set(e, ERR_INPUT, EINVAL,
			       "%s: the range \"%.64s\" is reversed: the smaller one comes first",
			       what, text);
	if (v.min < least)
		return err_set(e, ERR_INPUT, ERANGE, "%s: \"%.64s\" begins below the least, %s",
			       what, text, life_autosize_amount(res, least, a));
	*ret = v;
	return 0;
}

static int budget_part(const char *s, size_t n, const char *what, uint64_t ret[AUTOSIZE_RES_N],
		       struct err *e)
{
	static const char *const keys[] = {[AUTOSIZE_MEMORY] = "memory=", [AUTOSIZE_CPU] = "cpus="};

	for (int i = 0; i < AUTOSIZE_RES_N; i++) {
		const size_t n_key = strlen(keys[i]);

		if (n <= n_key || strncmp(s, keys[i], n_key) != 0)
			continue;
		if (ret[i] != AUTOSIZE_NONE)
			return err_set(e, ERR_INPUT, EINVAL, "%s: %.*s is given twice", what,
				       (int)n_key - 1, keys[i]);
		if (parse_amount((enum autosize_res)i, s + n_key, n - n_key, &ret[i]) == 0)
			return 0;
		ret[i] = AUTOSIZE_NONE;
	}
	return err_set(e, ERR_INPUT, EINVAL, "%s: \"%.*s\" is not memory=SIZE or cpus=N", what,
		       n > 64 ? 64 : (int)n, s);
}

int life_autosize_budget(const char *text, const char *what, uint64_t ret[AUTOSIZE_RES_N],
			 struct err *e)
{
	uint64_t v[AUTOSIZE_RES_N] = {AUTOSIZE_NONE, AUTOSIZE_NONE};
	const char *s = text;

	for (;;) {
		const size_t n = strcspn(s, ",");
		int r = budget_part(s, n, what, v, e);

		if (r < 0)
			return r;
		if (!s[n])
			break;
		s += n + 1;
	}
	memcpy(ret, v, sizeof(v));
	return 0;
}

/* ---- the policy ---- */

/* What the file says, over the defaults. */
static void *settle(const struct json_table *t, const void *defaults, const void *own,
		    struct arena *a)
{
	void *v = arena_alloc(a, t->size);

	memcpy(v, defaults, t->size);
	if (own)
		json_merge(t, v, own, a);
	return v;
}

static void check_rules(const char *name, const struct autosize_rules *r, struct json_errors *errs)
{
	if (r->quiet.v >= r->pressure.v)
		json_error_add(errs, 0, name,
			       "quiet (%" PRIu32 ") must be less than pressure (%" PRIu32 ")",
			       r->quiet.v, r->pressure.v);
	if (r->calm.v > r->calm_max.v)
		json_error_add(errs, 0, name,
			       "calmMs (%" PRIu32 ") is more than calmMaxMs (%" PRIu32 ")",
			       r->calm.v, r->calm_max.v);
}

static void check_policy(const struct autosize_policy *p, struct json_errors *errs)
{
	uint64_t budget[AUTOSIZE_RES_N];
	struct autosize_range range;
	struct err e = ERR_INIT;

	check_rules("memory", p->memory, errs);
	check_rules("cpu", p->cpu, errs);
	if (p->check->first.v > p->check->most.v)
		json_error_add(errs, 0, "check",
			       "firstMs (%" PRIu32 ") is more than maxMs (%" PRIu32 ")",
			       p->check->first.v, p->check->most.v);
	if (p->budget && life_autosize_budget(p->budget, "budget", budget, &e) < 0)
		json_error_add(errs, 0, "", "%s", e.text);
	for (size_t i = 0; i < p->containers.n; i++) {
		const struct autosize_own *o = &p->containers.v[i];
		AUTO(buf) path = {0};

		buf_adds(&path, "containers");
		json_path_add(&path, o->id);
		if (o->memory &&
		    life_autosize_range(AUTOSIZE_MEMORY, o->memory, "memory", &range, &e) < 0)
			json_error_add(errs, 0, path.data, "%s", e.text);
		if (o->cpus && life_autosize_range(AUTOSIZE_CPU, o->cpus, "cpus", &range, &e) < 0)
			json_error_add(errs, 0, path.data, "%s", e.text);
	}
}

int life_autosize_policy_parse(const char *text, size_t len, const char *name, struct arena *a,
			       struct autosize_policy *ret, struct err *e)
{
	struct json_errors errs = {.arena = a};
	void *doc = NULL;
	struct autosize_policy p = {0};

	if (text && json_parse(&life_autosize_table, text, len, a, &errs, &doc) < 0)
		return spec_errors_to_err(&errs, name, e);
	if (doc)
		p = *(struct autosize_policy *)doc;
	p.memory = settle(&memory_table, &memory_defaults, p.memory, a);
	p.cpu = settle(&cpu_table, &cpu_defaults, p.cpu, a);
	p.check = settle(&check_table, &check_defaults, p.check, a);
	check_policy(&p, &errs);
	if (errs.n)
		return spec_errors_to_err(&errs, name, e);
	*ret = p;
	return 0;
}

int life_autosize_policy_load(const char *file, struct arena *a, struct autosize_policy *ret,
			      struct err *e)
{
	AUTO(buf) text = {0};

	if (!file)
		return life_autosize_policy_parse(NULL, 0, "", a, ret, e);
	int r = file_read_path(file, POLICY_MAX, &text);

	if (r < 0)
		return err_sys(e, r, "--policy: read \"%s\"", file);
	return life_autosize_policy_parse(text.data ? text.data : "", text.len, file, a, ret, e);
}
