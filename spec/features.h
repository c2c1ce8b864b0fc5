/* SPDX-License-Identifier: Apache-2.0 */
/* spec/features: the model of the features document (runtime-spec features.md, features-linux.md).
 * Not for other rooms: spec_features_print() is the face. */
#ifndef STIVA_SPEC_FEATURES_H
#define STIVA_SPEC_FEATURES_H

#include "base/json.h"

struct spec_f_enabled {
	struct opt_bool enabled;
};
struct spec_f_cgroup {
	struct opt_bool v1, v2, systemd, systemd_user, rdma;
};
struct spec_f_seccomp {
	struct opt_bool enabled;
	struct strvec actions, operators, archs, known_flags, supported_flags;
};
struct spec_f_rdt {
	struct opt_bool enabled, schemata, monitoring;
};
struct spec_f_memory_policy {
	struct strvec modes, flags;
};
struct spec_f_mount_extensions {
	struct spec_f_enabled *idmap;
};
struct spec_f_linux {
	struct strvec namespaces, capabilities;
	struct spec_f_cgroup *cgroup;
	struct spec_f_seccomp *seccomp;
	struct spec_f_enabled *apparmor, *selinux, *net_devices;
	struct spec_f_rdt *intel_rdt;
	struct spec_f_memory_policy *memory_policy;
	struct spec_f_mount_extensions *mount_extensions;
};
struct spec_features {
	char *version_min, *version_max;
	struct strvec hooks, mount_options;
	struct spec_f_linux *linux_;
	struct strmap annotations;
	struct strvec unsafe_annotations;
};

#endif
