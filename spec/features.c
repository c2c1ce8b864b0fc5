/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/features: the features document (conformance.md 1.10), made from the very word lists and
 * rows that the parser uses, so that it cannot promise what is not read. Knows the host only by
 * what the caller's probes found. Called by runtime/cli.
 */
#include "spec/features.h"
#include <stdlib.h>
#include "spec/tables.h"
#include "base/ban.h"

static const struct opt_bool yes = {true, true}, no = {true, false};

static int text_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All words of a list, in its own order. */
static struct strvec words_of(struct arena *a, const struct word_list *l)
{
	struct strvec s = {arena_array(a, l->n + 1, sizeof(char *)), l->n};

	for (size_t i = 0; i < l->n; i++)
		s.v[i] = arena_strdup(a, l->rows[i].text);
	return s;
}

static struct strvec words_sorted(struct arena *a, const struct word_list *l)
{
	struct strvec s = words_of(a, l);

	qsort(s.v, s.n, sizeof(char *), text_cmp);
	return s;
}

static struct strvec words_given(struct arena *a, const char *const *words)
{
	struct strvec s;
	size_t n = 0;

	while (words && words[n])
		n++;
	s = (struct strvec){arena_array(a, n + 1, sizeof(char *)), n};
	for (size_t i = 0; i < n; i++)
		s.v[i] = arena_strdup(a, words[i]);
	return s;
}

static struct strvec mount_options(struct arena *a)
{
	size_t n;
	const struct spec_mount_opt *rows = spec_mount_opt_all(&n);
	struct strvec s = {arena_array(a, n + 1, sizeof(char *)), n};

	for (size_t i = 0; i < n; i++)
		s.v[i] = arena_strdup(a, rows[i].name);
	return s;
}

static struct spec_f_enabled *enabled(struct arena *a, bool is_on)
{
	struct spec_f_enabled *e = arena_alloc(a, sizeof(*e));

	e->enabled = is_on ? yes : no;
	return e;
}

static struct spec_f_seccomp *fill_seccomp(const struct spec_features_input *in, struct arena *a)
{
	struct spec_f_seccomp *s = arena_alloc(a, sizeof(*s));

	s->enabled = in->has_seccomp ? yes : no;
	if (!in->has_seccomp)
		return s;
	s->actions = words_sorted(a, &spec_words_action);
	s->operators = words_sorted(a, &spec_words_op);
	s->archs = words_sorted(a, &spec_words_arch);
	s->known_flags = words_sorted(a, &spec_words_seccomp_flag);
	s->supported_flags = words_given(a, in->seccomp_flags_supported);
	return s;
}

static struct spec_f_linux *fill_linux(const struct spec_features_input *in, struct arena *a)
{
	struct spec_f_linux *l = arena_alloc(a, sizeof(*l));

	l->namespaces = words_sorted(a, &spec_words_ns);
	l->capabilities = words_of(a, &spec_words_capability);
	l->cgroup = arena_alloc(a, sizeof(*l->cgroup));
	struct opt_bool systemd = in->has_systemd ? yes : no;
	*l->cgroup = (struct spec_f_cgroup){no, yes, systemd, systemd, yes};
	l->seccomp = fill_seccomp(in, a);
	l->apparmor = enabled(a, in->has_apparmor);
	l->selinux = enabled(a, in->has_selinux);
	l->intel_rdt = arena_alloc(a, sizeof(*l->intel_rdt));
	struct opt_bool rdt = in->has_intel_rdt ? yes : no;
	*l->intel_rdt = (struct spec_f_rdt){rdt, rdt, rdt};
	l->memory_policy = arena_alloc(a, sizeof(*l->memory_policy));
	l->memory_policy->modes = words_of(a, &spec_words_mpol);
	l->memory_policy->flags = words_of(a, &spec_words_mpol_flag);
	l->mount_extensions = arena_alloc(a, sizeof(*l->mount_extensions));
	l->mount_extensions->idmap = enabled(a, true);
	l->net_devices = enabled(a, in->has_net_devices);
	return l;
}

/* F11: engines look at runc's checkpoint key whatever the runtime is. */
static struct strmap annotations(const struct spec_features_input *in, struct arena *a)
{
	const char *checkpoint = in->has_checkpoint ? "true" : "false";
	const struct {
		const char *key, *value;
	} rows[] = {
		{"io.github.seccomp.libseccomp.version", in->seccomp_version},
		{"org.opencontainers.runc.checkpoint.enabled", checkpoint},
		{"stiva.checkpoint.enabled", checkpoint},
		{"stiva.commit", in->commit},
		{"stiva.version", in->version},
	};
	size_t n = sizeof(rows) / sizeof(rows[0]);
	struct strmap m = {arena_array(a, n, sizeof(*m.v)), 0};

	for (size_t i = 0; i < n; i++) {
		if (rows[i].value && *rows[i].value)
			m.v[m.n++] = (struct strpair){arena_strdup(a, rows[i].key),
						      arena_strdup(a, rows[i].value)};
	}
	return m;
}

void spec_features_print(const struct spec_features_input *in, struct buf *out)
{
	/* F12, A20: exact names, or prefixes with a dot at their end. */
	static const char *const unsafe[] = {"org.criu.config", "org.systemd.property.", "run.oci.",
					     "stiva.", NULL};
	struct arena a = {0};
	struct spec_features f = {0};

	f.version_min = arena_strdup(&a, SPEC_VERSION_MIN);
	f.version_max = arena_strdup(&a, SPEC_VERSION);
	f.hooks = words_of(&a, &spec_words_hook);
	f.mount_options = mount_options(&a);
	f.linux_ = fill_linux(in, &a);
	f.annotations = annotations(in, &a);
	f.unsafe_annotations = words_given(&a, unsafe);
	json_print(&spec_table_features, &f, 4, out);
	arena_done(&a);
}
