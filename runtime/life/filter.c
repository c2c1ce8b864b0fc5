/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/filter: which seccomp filter a process of the container gets: that of linux.seccomp,
 * or what an annotation puts in its place. Knows no system call. Called by prepare.c and exec.c.
 */
#include "runtime/life/internal.h"

#include "base/str.h"
#include "base/ban.h"

static bool is_on(const struct spec_config *conf, const char *key)
{
	const char *value = spec_annotation(conf, key);

	return value && str_eq(value, "1");
}

static const char *raw_program(const struct spec_config *conf)
{
	return spec_annotation(conf, "run.oci.seccomp_bpf_data");
}

bool life_filter_is_wanted(const struct spec_config *conf)
{
	return conf->linux_->seccomp || raw_program(conf);
}

int life_filter_make(const struct spec_config *conf, int cache_fd, struct arena *a,
		     struct guard_filter *ret, struct err *e)
{
	const struct spec_seccomp *s = conf->linux_->seccomp;

	/* A12: it overrides the profile. */
	if (raw_program(conf))
		return guard_seccomp_raw(raw_program(conf), s, a, ret, e);
	/* A11 */
	if (is_on(conf, "run.oci.seccomp_fail_unknown_syscall")) {
		int r = guard_seccomp_check_names(s, e);

		if (r < 0)
			return r;
	}
	return guard_seccomp_prepare(s, cache_fd, a, ret, e);
}
