/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups/room: what an update does before it writes memory.max below the usage. It must not know
 * why the limit falls. Called by update.c; resize (shrink.c) is for who wants to be sure.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/file.h"
#include "base/proc.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "base/ban.h"

#define BITE   (UINT64_C(32) << 20)
#define ROUNDS 16 /* without a lower usage than before, as the kernel's own write has it */
#define USEC   UINT64_C(10000000)

void cg_room_make(const struct cg *c, uint64_t limit)
{
	const uint64_t end = proc_now_usec() + USEC;
	uint64_t usage, lowest = UINT64_MAX;
	unsigned n_vain = 0;

	while (n_vain < ROUNDS && proc_now_usec() < end &&
	       cg_read_u64(c, "memory.current", NULL, &usage) == 0 && usage > limit) {
		const uint64_t bite = usage - limit < BITE ? usage - limit : BITE;
		char text[32];

		n_vain = usage < lowest ? 0 : n_vain + 1;
		lowest = usage < lowest ? usage : lowest;
		snprintf(text, sizeof(text), "%" PRIu64, bite);
		int r = file_write_kernel(c->dir_fd, "memory.reclaim", text);
		/* EAGAIN: less came than asked for. */
		if (r < 0 && r != -EAGAIN && r != -EBUSY)
			return;
	}
}
