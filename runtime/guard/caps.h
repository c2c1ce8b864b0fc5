/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/guard/caps: capability sets. Private to this room: identity.c uses it. */
#ifndef STIVA_GUARD_CAPS_H
#define STIVA_GUARD_CAPS_H

#include <stdint.h>
#include "base/err.h"
#include "spec/spec.h"

/* One bit per capability number. */
struct guard_caps {
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

/* What of the asked sets can be granted to this process; everything else is warned of, once per
 * capability (P10). c == NULL: all sets empty. */
void guard_caps_plan(const struct spec_capabilities *c, struct guard_caps *ret);
/* Drops from the bounding set all that is not in want->bounding. */
int guard_caps_drop_bounding(const struct guard_caps *want, struct err *e) MUST_CHECK;
/* Sets permitted, effective, inheritable and ambient exactly, and verifies. */
int guard_caps_set(const struct guard_caps *want, struct err *e) MUST_CHECK;

#endif
