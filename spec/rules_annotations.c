/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/rules_annotations: annotations of other runtimes that must not be passed over in silence,
 * because they ask for something that stiva will not do; and names in our own space: what theirs
 * may say, and those that no version knows. All others are ignored, as the specification wants it
 * (stiva-annotations(7) lists them). Called by rules.c.
 */
#include "spec/rules.h"

#include <string.h>
#include "base/log.h"
#include "base/ban.h"

static const struct {
	const char *key, *why;
} refused[] = {
	{"run.oci.systemd.force_cgroup_v1", "there is no cgroup v1 to give to a container"},
	{"run.oci.seccomp.plugins",
	 "libraries are not loaded into the runtime: use linux.seccomp.listenerPath"},
};

/* What a caller writes to say no. */
static bool is_off(const char *value)
{
	return !*value || str_eq(value, "0") || str_eq(value, "false");
}

static bool is_on(const char *value)
{
	return str_eq(value, "1") || str_eq(value, "true");
}

/* ---- our own ---- */

/* A switch, or an absolute directory. */
static const char *bad_view(const char *value)
{
	return is_off(value) || is_on(value) || value[0] == '/'
		       ? NULL
		       : "must be true, false or the directory at which lxcfs is mounted";
}

static const struct {
	const char *key;
	const char *(*bad)(const char *value); /* what it must be, or NULL: it is */
} known[] = {
	{SPEC_VIEW, bad_view},
};

const char *spec_view(const struct spec_config *c)
{
	const char *value = spec_annotation(c, SPEC_VIEW);

	if (!value || is_off(value) || bad_view(value))
		return NULL;
	return is_on(value) ? "" : value;
}

static void rule_own(const struct strpair *a, struct json_errors *errs)
{
	char path[SPEC_PATH_SIZE];

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!str_eq(a->key, known[i].key))
			continue;
		const char *why = known[i].bad(a->value);
		if (why)
			spec_rule_error(errs, spec_rule_key(path, "annotations", a->key), "", "%s",
					why);
		return;
	}
	log_warn("annotations: \"%.100s\" is not known to this version", a->key);
}

void spec_rules_annotations(const struct spec_config *c, struct json_errors *errs)
{
	char path[SPEC_PATH_SIZE];

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const char *value = spec_annotation(c, refused[i].key);
		if (value && !is_off(value))
			spec_rule_error(errs, spec_rule_key(path, "annotations", refused[i].key),
					"", "%s", refused[i].why);
	}
	for (size_t i = 0; i < c->annotations.n; i++) {
		if (str_starts(c->annotations.v[i].key, "stiva."))
			rule_own(&c->annotations.v[i], errs);
	}
}
