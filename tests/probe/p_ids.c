// SPDX-License-Identifier: Apache-2.0
/* probe: who the process is and what limits it: ids, capabilities, rlimits, scheduling,
 * personality. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "probe.h"

static int cmd_ids(int argc, char **argv)
{
	uid_t r, e, s;
	gid_t gr, ge, gs, groups[1024];
	int n;

	(void)argc;
	(void)argv;
	if (getresuid(&r, &e, &s) < 0 || getresgid(&gr, &ge, &gs) < 0)
		die("getresid");
	printf("uid %u %u %u\ngid %u %u %u\ngroups", r, e, s, gr, ge, gs);
	n = getgroups(1024, groups);
	for (int i = 0; i < n; i++)
		printf(" %u", groups[i]);
	printf("\n");
	return 0;
}

/* The umask, four octal digits. */
static int cmd_umask(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("%04o\n", umask(0));
	return 0;
}

/* One line for each set: name and the 64-bit mask, as /proc/self/status has it, ambient asked by
 * prctl. */
static int cmd_caps(int argc, char **argv)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2];
	unsigned long long bounding = 0, ambient = 0;

	(void)argc;
	(void)argv;
	if (syscall(SYS_capget, &h, d) < 0)
		die("capget");
	for (int c = 0; c < 64; c++) {
		if (prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1)
			bounding |= 1ULL << c;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, c, 0, 0) == 1)
			ambient |= 1ULL << c;
	}
	printf("bounding %llx\neffective %llx\ninheritable %llx\npermitted %llx\nambient %llx\n",
	       bounding, (unsigned long long)d[1].effective << 32 | d[0].effective,
	       (unsigned long long)d[1].inheritable << 32 | d[0].inheritable,
	       (unsigned long long)d[1].permitted << 32 | d[0].permitted, ambient);
	printf("nnp %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	return 0;
}

static const struct {
	const char *name;
	int number;
} limits[] = {
	{"as", RLIMIT_AS},	     {"core", RLIMIT_CORE},   {"cpu", RLIMIT_CPU},
	{"data", RLIMIT_DATA},	     {"fsize", RLIMIT_FSIZE}, {"locks", RLIMIT_LOCKS},
	{"memlock", RLIMIT_MEMLOCK}, {"nice", RLIMIT_NICE},   {"nofile", RLIMIT_NOFILE},
	{"nproc", RLIMIT_NPROC},     {"rss", RLIMIT_RSS},     {"rtprio", RLIMIT_RTPRIO},
	{"stack", RLIMIT_STACK},
};

/* rlimit NAME...: "name soft hard", -1 = unlimited */
static int cmd_rlimit(int argc, char **argv)
{
	struct rlimit lim;

	for (int i = 1; i < argc; i++)
		for (size_t k = 0; k < sizeof(limits) / sizeof(limits[0]); k++)
			if (strcmp(argv[i], limits[k].name) == 0) {
				if (getrlimit((__rlimit_resource_t)limits[k].number, &lim) < 0)
					die(argv[i]);
				printf("%s %lld %lld\n", argv[i], (long long)lim.rlim_cur,
				       (long long)lim.rlim_max);
			}
	return 0;
}

static int cmd_sched(int argc, char **argv)
{
	cpu_set_t set;

	(void)argc;
	(void)argv;
	errno = 0;
	printf("policy %d\nnice %d\nioprio %ld\n", sched_getscheduler(0),
	       getpriority(PRIO_PROCESS, 0), syscall(SYS_ioprio_get, 1, 0));
	if (sched_getaffinity(0, sizeof(set), &set) == 0) {
		printf("cpus");
		for (int i = 0; i < CPU_SETSIZE; i++)
			if (CPU_ISSET(i, &set))
				printf(" %d", i);
		printf("\n");
	}
	return 0;
}

static int cmd_personality(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("%x\n", (unsigned)personality(0xffffffff));
	return 0;
}

/* Signals that are not as at boot: ignored or blocked ones, in hexadecimal as /proc shows them. */
static int cmd_sigstate(int argc, char **argv)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	(void)argc;
	(void)argv;
	if (!f)
		die("/proc/self/status");
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "SigBlk", 6) || !strncmp(line, "SigIgn", 6))
			fputs(line, stdout);
	fclose(f);
	return 0;
}

const struct probe_command commands_ids[] = {
	{"ids", cmd_ids, ""},		{"umask", cmd_umask, ""},
	{"caps", cmd_caps, ""},		{"rlimit", cmd_rlimit, "NAME..."},
	{"sched", cmd_sched, ""},	{"personality", cmd_personality, ""},
	{"sigstate", cmd_sigstate, ""}, {NULL, NULL, NULL},
};
