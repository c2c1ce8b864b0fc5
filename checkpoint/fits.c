/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/fits: whether images are of a container as a config.json describes it, as far as their
 * own description says. Knows nothing of files. Called by restore.c.
 */
#include "checkpoint/internal.h"

#include <errno.h>
#include "base/ban.h"

/* The shape of the container is the config's; what only the images say is not taken. */
int ckpt_fits_config(const struct ckpt_meta *m, const struct spec_config *conf, struct err *e)
{
	if (m->has_net.v != (spec_ns(conf, SPEC_NS_NETWORK) != NULL))
		return err_set(e, ERR_INPUT, EINVAL,
			       "linux.namespaces: the images are of a container with%s network "
			       "namespace of its own",
			       m->has_net.v ? " a" : "out a");
	if (m->has_terminal.v != conf->process->terminal.v)
		return err_set(e, ERR_INPUT, EINVAL,
			       "process.terminal: the images are of a container with%s terminal",
			       m->has_terminal.v ? " a" : "out a");
	if (spec_ns(conf, SPEC_NS_USER) && !spec_ns_is_new(conf, SPEC_NS_USER))
		return err_set(e, ERR_MISSING, ENOTSUP,
			       "linux.namespaces: a container cannot be restored into a user "
			       "namespace that is joined");
	if (m->has_user.v != spec_ns_is_new(conf, SPEC_NS_USER))
		return err_set(e, ERR_INPUT, EINVAL,
			       "linux.namespaces: the images are of a container with%s user "
			       "namespace of its own",
			       m->has_user.v ? " a" : "out a");
	int r = ckpt_userns_check(conf, e);

	if (r < 0)
		return r;
	if (!spec_ns_is_new(conf, SPEC_NS_PID))
		return err_set(e, ERR_MISSING, ENOTSUP,
			       "without a new pid namespace a container cannot be restored");
	return 0;
}
