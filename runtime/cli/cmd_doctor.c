/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/cmd_doctor: the verb doctor: looks at the machine, says what is wrong and how to mend
 * it. Needs no state directory and no privilege; looks as the calling user.
 */
#include "runtime/cli/cmd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "runtime/cli/doctor.h"
#include "runtime/cli/out.h"
#include "base/ban.h"

#define FOUND_COLUMN 34
#define FOUND_MAX    400

static const struct word verdict_rows[] = {{"ok", 0}, {"warning", 0}, {"failure", 0}};
WORDS_COMPLETE(verdict_rows, DOCTOR_N);
static const struct word_list verdict_words = {"verdict", verdict_rows, DOCTOR_N, ""};
static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};
#define COLOUR_END "\033[0m"

enum doctor_format { FORMAT_TEXT, FORMAT_JSON, FORMAT_N };
static const struct word format_rows[] = {{"text", 0}, {"json", 0}};
WORDS_COMPLETE(format_rows, FORMAT_N);
static const struct word_list format_words = {"format", format_rows, FORMAT_N, ""};

struct doctor_args {
	struct opt_enum format;
};
#define A struct doctor_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_WORD(A, format, "format", 'f', &format_words, "text", "how to print"),
};

static const struct doctor_group *const groups[] = {
	&doctor_kernel, &doctor_cgroup, &doctor_users, &doctor_host, &doctor_tools,
};
/* clang-format on */
#define N_GROUPS (sizeof(groups) / sizeof(groups[0]))

/* ---- the document for programs ---- */
struct finding {
	char *name, *found, *means, *fix;
	struct opt_enum verdict;
};
OBJ_VEC(finding);
struct report {
	struct opt_enum verdict; /* the worst */
	struct finding_vec checks;
};
/* clang-format off */
static const struct json_row finding_rows[] = {
	J_STR(struct finding, name, "name", 0),
	J_ENUM(struct finding, verdict, "verdict", 0, &verdict_words),
	J_STR(struct finding, found, "found", 0),
	J_STR(struct finding, means, "means", 0),
	J_STR(struct finding, fix, "fix", 0),
};
static J_TABLE(finding_table, finding, finding_rows);
static const struct json_row report_rows[] = {
	J_ENUM(struct report, verdict, "verdict", 0, &verdict_words),
	J_OBJS(struct report, checks, "checks", 0, finding, &finding_table),
};
static J_TABLE(report_table, report, report_rows);
/* clang-format on */

static void set_found(struct doctor_out *o, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
static void set_found(struct doctor_out *o, const char *fmt, va_list ap)
{
	char raw[FOUND_MAX], shown[FOUND_MAX];

	vsnprintf(raw, sizeof(raw), fmt, ap);
	o->found = arena_strdup(o->arena, str_printable(shown, sizeof(shown), raw));
}

void doctor_say(struct doctor_out *o, enum doctor_verdict v, const char *fmt, ...)
{
	va_list ap;

	o->verdict = v;
	va_start(ap, fmt);
	set_found(o, fmt, ap);
	va_end(ap);
}

void doctor_tell(struct doctor_out *o, enum doctor_verdict v, const char *means, const char *fix,
		 const char *fmt, ...)
{
	va_list ap;

	o->verdict = v;
	o->means = means;
	o->fix = fix;
	va_start(ap, fmt);
	set_found(o, fmt, ap);
	va_end(ap);
}

static void look(struct arena *arena, struct report *ret)
{
	size_t n = 0;

	for (size_t g = 0; g < N_GROUPS; g++)
		n += groups[g]->n;
	ret->checks.v = arena_array(arena, n, sizeof(*ret->checks.v));
	ret->verdict = (struct opt_enum){true, DOCTOR_OK};
	for (size_t g = 0; g < N_GROUPS; g++) {
		for (size_t i = 0; i < groups[g]->n; i++) {
			struct doctor_out o = {.arena = arena};
			groups[g]->rows[i].look(&o);
			ret->checks.v[ret->checks.n++] = (struct finding){
				.name = (char *)groups[g]->rows[i].name,
				.verdict = {true, (int)o.verdict},
				.found = o.found,
				.means = (char *)o.means,
				.fix = (char *)o.fix,
			};
			if ((int)o.verdict > ret->verdict.v)
				ret->verdict.v = (int)o.verdict;
		}
	}
}

static void pad_to(size_t at, size_t column, struct buf *out)
{
	do {
		buf_addc(out, ' ');
	} while (++at < column);
}

static void print_finding(const struct finding *f, bool is_coloured, unsigned width,
			  struct buf *out)
{
	const char *word = word_text(&verdict_words, f->verdict.v);
	size_t at;

	buf_printf(out, "  %s%s%s", is_coloured ? colours[f->verdict.v] : "", word,
		   is_coloured ? COLOUR_END : "");
	pad_to(2 + strlen(word), 11, out);
	buf_adds(out, f->name);
	at = 11 + strlen(f->name);
	pad_to(at, FOUND_COLUMN, out);
	cmd_out_wrap(f->found, at < FOUND_COLUMN ? FOUND_COLUMN : at + 1, FOUND_COLUMN, width, out);
	if (f->means) {
		buf_adds(out, "           so:  ");
		cmd_out_wrap(f->means, 16, 16, width, out);
	}
	if (f->fix) {
		buf_adds(out, "           fix: ");
		cmd_out_wrap(f->fix, 16, 16, width, out);
	}
}

static void print_text(const struct report *r, struct buf *out)
{
	const char *no_colour = getenv("NO_COLOR");
	bool is_coloured = isatty(STDOUT_FILENO) && !(no_colour && *no_colour);
	unsigned count[DOCTOR_N] = {0}, width = cmd_out_width();
	size_t k = 0;

	for (size_t g = 0; g < N_GROUPS; g++) {
		buf_printf(out, "%s%s:\n", g ? "\n" : "", groups[g]->title);
		for (size_t i = 0; i < groups[g]->n; i++, k++) {
			print_finding(&r->checks.v[k], is_coloured, width, out);
			count[r->checks.v[k].verdict.v]++;
		}
	}
	buf_printf(out, "\n%u ok, %u warning%s, %u failure%s\n", count[DOCTOR_OK],
		   count[DOCTOR_WARNING], count[DOCTOR_WARNING] == 1 ? "" : "s",
		   count[DOCTOR_FAILURE], count[DOCTOR_FAILURE] == 1 ? "" : "s");
}

static int run(struct cmd_call *call, struct err *e)
{
	const struct doctor_args *a = call->args;
	struct report r = {0};

	(void)e;
	look(call->arena, &r);
	if (a->format.has && a->format.v == FORMAT_JSON) {
		json_print(&report_table, &r, 2, call->out);
		buf_addc(call->out, '\n');
	} else {
		print_text(&r, call->out);
	}
	call->status = r.verdict.v == DOCTOR_FAILURE ? CMD_EXIT_FAILURE : 0;
	return 0;
}

const struct cmd_verb cmd_doctor = {
	.name = "doctor",
	.group = CMD_TOOLS,
	.summary = "say what this machine lacks for containers, and how to mend it",
	.words = "",
	.detail = "Looks, as the calling user, at the kernel, cgroups, user namespaces, security "
		  "modules, systemd, criu and the container engines, and changes nothing. Each "
		  "line is ok, a warning (something is refused or slower) or a failure (stiva does "
		  "not work), with what it means and the fix.\n\n"
		  "Colours are used on a terminal when NO_COLOR is not set.",
	.example = "doctor --format json",
	.exits = "0 when there is no failure, else 1.",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(struct doctor_args),
	.max_words = 0,
	.run = run,
};
