/* SPDX-License-Identifier: Apache-2.0 */
/* spec/state: the OCI state object (runtime-spec runtime.md "State"), as given to hooks and printed
 * by `state`; and the container process state sent to a seccomp listener. */
#ifndef STIVA_SPEC_STATE_H
#define STIVA_SPEC_STATE_H

#include "base/json.h"
#include "spec/resources.h"

enum spec_status {
	SPEC_CREATING,
	SPEC_CREATED,
	SPEC_RUNNING,
	SPEC_STOPPED,
	SPEC_PAUSED, /* ours and runc's addition */
	SPEC_BROKEN, /* its record cannot be read: only delete --force helps */
	SPEC_STATUS_N
};

struct spec_state {
	char *oci_version, *id;
	struct opt_enum status;	      /* spec_words_status */
	struct opt_i64 pid;	      /* 0 when stopped; printed even then by `state` */
	char *bundle, *rootfs, *root; /* rootfs for `state`, root for hooks (nvidia reads it) */
	char *created, *owner, *systemd_scope;
	struct strmap annotations;
	struct spec_resources *resources; /* `state` only, after an update: the limits in force */
};

/* runtime-spec config-linux.md "The Container Process State". */
struct spec_process_state {
	char *oci_version;
	struct strvec fds;
	struct opt_i64 pid;
	char *metadata;
	struct spec_state *state;
};

#endif
