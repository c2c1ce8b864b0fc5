// SPDX-License-Identifier: Apache-2.0
/* checkpoint: what the other rooms ask of this one until its code comes. */
#include "checkpoint/checkpoint.h"
#include "base/ban.h"

bool ckpt_is_built_in(void)
{
	return false;
}
