/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_features: the verb features: the OCI features document. Needs no state directory
 * and no privilege. */
#include "runtime/cli/cmd.h"

#include "checkpoint/checkpoint.h"
#include "runtime/guard/guard.h"
#include "base/ban.h"

static int run(struct cmd_call *call, struct err *e)
{
	struct spec_features_input in = {
		.version = STIVA_VERSION,
		.commit = STIVA_COMMIT,
		.seccomp_version = guard_seccomp_version(),
		.seccomp_flags_supported = guard_seccomp_kernel_flags(),
		.has_seccomp = true,
		.has_apparmor = true,
		.has_selinux = true,
		.has_intel_rdt = true,
		.has_net_devices = true,
		.has_systemd = true,
		.has_checkpoint = ckpt_is_built_in(),
	};

	(void)e;
	spec_features_print(&in, call->out);
	if (call->out->len && call->out->data[call->out->len - 1] != '\n')
		buf_addc(call->out, '\n');
	return 0;
}

const struct cmd_verb cmd_features = {
	.name = "features",
	.group = CMD_TOOLS,
	.summary = "print what this build can do, as JSON",
	.words = "",
	.detail = "Prints the features document of the OCI runtime specification.",
	.example = "features",
	.max_words = 0,
	.run = run,
};
