/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups/stats: what a cgroup uses, as one snapshot. Part of the room's public face (cgroups.h
 * includes it). A controller that is not there leaves zeros and `has_` false: never an error.
 */
#ifndef STIVA_CGROUPS_STATS_H
#define STIVA_CGROUPS_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/mem.h"

#define CG_UNLIMITED UINT64_MAX

/* A line of a *.pressure file. The averages are in hundredths of a percent. */
struct cg_psi_line {
	uint64_t avg10, avg60, avg300;
	uint64_t total; /* microseconds */
};
struct cg_psi {
	bool has;
	struct cg_psi_line some, full;
};
struct cg_usage {
	uint64_t limit, usage, max, failcnt; /* limit: CG_UNLIMITED = none */
};
struct cg_stat_value {
	const char *key;
	uint64_t v;
};
struct cg_io_stat {
	uint64_t major, minor;
	uint64_t rbytes, wbytes, rios, wios;
};
struct cg_hugetlb_stat {
	const char *size; /* "2MB" */
	struct cg_usage u;
};

struct cg_stats {
	struct {
		uint64_t usage, user, kernel; /* microseconds */
		bool has_limit; /* the controller is there: the three below are counted */
		uint64_t periods, throttled, throttled_usec;
		struct cg_psi psi;
	} cpu;
	struct {
		const char *cpus, *mems; /* the effective lists, "0-3,7"; NULL = no controller */
	} cpuset;
	struct {
		bool has, has_swap;
		struct cg_usage usage;
		struct cg_usage swap;	   /* swap alone */
		struct cg_stat_value *raw; /* memory.stat, by key */
		size_t n_raw;
		uint64_t cache, oom_kills;
		struct cg_psi psi;
	} memory;
	struct {
		bool has_controller;
		uint64_t current, limit;
	} pids;
	struct {
		bool has;
		struct cg_io_stat *v;
		size_t n;
		struct cg_psi psi;
	} io;
	struct cg_hugetlb_stat *hugetlb; /* by size's text */
	size_t n_hugetlb;
};

#endif
