/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/rules_annotations: annotations of other runtimes that must not be passed over in silence,
 * because they ask for something that stiva will not do; and names in our own space that no version
 * knows. All others are ignored, as the specification wants it (stiva-annotations(7) lists them).
 * Called by rules.c.
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
			log_warn("annotations: \"%.100s\" is not known to this version",
				 c->annotations.v[i].key);
	}
}
