/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint: the room of checkpoint, restore and migration over CRIU. Its code comes with its
 * issue; what stands here is what other rooms already ask of it.
 */
#ifndef STIVA_CHECKPOINT_CHECKPOINT_H
#define STIVA_CHECKPOINT_CHECKPOINT_H

#include <stdbool.h>
#include "base/err.h"

/* False until `checkpoint` exists: features' annotation org.opencontainers.runc.checkpoint.enabled
 * and the refusal text of the verbs ask this one place. */
bool ckpt_is_built_in(void);

#endif
