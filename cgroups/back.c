// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/back: brings back the limits that an update which was killed found, from the notes that
 * it made before its first write (cg_update_notes). Kept apart from update.c, since every command
 * may have to do this and few can do that. It must not know a container. Called by runtime/life.
 */
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "cgroups/knobs.h"
#include "base/ban.h"

/* "FILE TEXT" as a write. Return: false = no such line. */
static bool read_note(const char *line, struct arena *a, struct knob_write *ret)
{
	size_t n = strcspn(line, " ");

	if (!n || !line[n] || memchr(line, '/', n))
		return false;
	const char *file = arena_strndup(a, line, n);

	*ret = (struct knob_write){.prop = file,
				   .ctrl = arena_strndup(a, file, strcspn(file, ".")),
				   .file = file,
				   .text = line + n + 1};
	return true;
}

static void write_note(const struct cg *c, const struct knob_write *w, struct arena *a)
{
	const char *now;

	/* What was not written yet, or is back already, is left alone. */
	if (cg_before_read(c->dir_fd, w->file, w->text, a, &now) < 0 ||
	    (now && str_eq(now, w->text)))
		return;
	const char *text = cg_before_full_list(c->dir_fd, w->file, w->text, a);
	int r = file_write_kernel(c->dir_fd, w->file, text);

	if (r < 0)
		log_warn("put \"%.64s\" back into %s of cgroup \"%s\": %s", text, w->file, c->path,
			 err_words(r));
}

void cg_back(const struct cg *c, const struct strvec *notes, const struct spec_config *conf,
	     bool is_rootless)
{
	AUTO(arena) a = {0};
	struct err e = ERR_INIT;
	struct knob_plan plan = {.arena = &a, .is_update = true};

	if (conf && (cg_devices_replace(c, NULL, conf, is_rootless, &e) < 0 ||
		     cg_set_devices(c, NULL, conf, &e) < 0))
		log_warn("put the old device rules back: %s", e.text);
	plan.v = arena_array(&a, notes->n + 1, sizeof(*plan.v));
	for (size_t i = 0; i < notes->n; i++)
		plan.n += read_note(notes->v[i], &a, &plan.v[plan.n]);
	err_clear(&e);
	if (cg_set_plan(c, &plan, CG_BEFORE, &e) < 0)
		log_warn("put the old limits back: %s", e.text);
	for (size_t i = plan.n; i-- > 0;)
		write_note(c, &plan.v[i], &a);
	err_clear(&e);
	if (cg_set_plan(c, &plan, CG_AFTER, &e) < 0)
		log_warn("put the old limits back: %s", e.text);
}
