/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/num: text to numbers and back, the whole string or nothing. No locale, no time zone, no
 * system call but the clock. It must not know what a number means. Called by every room.
 */
#include "base/num.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include "base/str.h"
#include "base/ban.h"

#define KERNEL_SIGNALS 64

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int num_u64n(const char *s, size_t n, uint64_t *ret)
{
	uint64_t v = 0;
	bool too_big = false;

	if (n == 0)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(s[i]))
			return -EINVAL;
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
			too_big = true;
	}
	if (too_big)
		return -ERANGE;
	*ret = v;
	return 0;
}

int num_i64n(const char *s, size_t n, int64_t *ret)
{
	bool minus = n > 0 && s[0] == '-';
	uint64_t v;
	int r = num_u64n(s + minus, n - minus, &v);

	if (r < 0)
		return r;
	if (v > (uint64_t)INT64_MAX + minus)
		return -ERANGE;
	*ret = minus ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

int num_u64(const char *s, uint64_t *ret)
{
	return num_u64n(s, strlen(s), ret);
}

int num_i64(const char *s, int64_t *ret)
{
	return num_i64n(s, strlen(s), ret);
}

int num_u32(const char *s, uint32_t *ret)
{
	uint64_t v;
	int r = num_u64(s, &v);

	if (r < 0)
		return r;
	if (v > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)v;
	return 0;
}

int num_int(const char *s, int *ret)
{
	int64_t v;
	int r = num_i64(s, &v);

	if (r < 0)
		return r;
	if (v < INT_MIN || v > INT_MAX)
		return -ERANGE;
	*ret = (int)v;
	return 0;
}

static int id_of(const char *s, size_t n, uint32_t *ret)
{
	uint64_t v;
	int r;

	/* "010" means 8 to some readers: only one spelling per id. */
	if (n > 1 && s[0] == '0')
		return -EINVAL;
	r = num_u64n(s, n, &v);
	if (r < 0)
		return r;
	/* (uid_t)-1 means "leave as it is" to the kernel. */
	if (v >= UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)v;
	return 0;
}

int num_id(const char *s, uint32_t *ret)
{
	return id_of(s, strlen(s), ret);
}

int num_user(const char *s, uint32_t *ret_uid, uint32_t *ret_gid, int *ret_has_gid)
{
	size_t n = strcspn(s, ":");
	uint32_t uid, gid = 0;
	int r = id_of(s, n, &uid);

	if (r < 0)
		return r;
	if (s[n] == ':') {
		r = num_id(s + n + 1, &gid);
		if (r < 0)
			return r;
		*ret_gid = gid;
	}
	*ret_uid = uid;
	*ret_has_gid = s[n] == ':';
	return 0;
}

/* Power of two of a size suffix ("", b, k, kb, KiB, ...). Return: shift or -EINVAL. */
static int size_shift(const char *unit)
{
	static const char letters[] = "kmgtpe";
	const char *found;

	if (*unit == '\0' || strcasecmp(unit, "b") == 0)
		return 0;
	found = strchr(letters, *unit | 0x20);
	if (!found || *found == '\0')
		return -EINVAL;
	unit++;
	if (*unit && strcasecmp(unit, "b") != 0 && strcasecmp(unit, "i") != 0 &&
	    strcasecmp(unit, "ib") != 0)
		return -EINVAL;
	return (int)(found - letters + 1) * 10;
}

/* ".5" of a unit of 2^shift bytes, rounded down. */
static int size_fraction(const char *digits, size_t n, int shift, uint64_t *ret)
{
	unsigned __int128 v;
	uint64_t part, scale = 1;
	int r;

	if (shift == 0 || n > 18)
		return -EINVAL;
	r = num_u64n(digits, n, &part);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		scale *= 10;
	v = ((unsigned __int128)part << shift) / scale;
	*ret = (uint64_t)v;
	return 0;
}

int num_size(const char *s, int64_t *ret)
{
	size_t whole = strspn(s, "0123456789"), frac = 0;
	const char *unit = s + whole;
	uint64_t v, part = 0;
	int shift, r;

	if (str_eq(s, "-1") || str_eq(s, "max")) {
		*ret = -1;
		return 0;
	}
	if (*unit == '.') {
		frac = strspn(unit + 1, "0123456789");
		unit += 1 + frac;
	}
	shift = size_shift(unit);
	if (shift < 0)
		return shift;
	if (s[whole] == '.') {
		r = size_fraction(s + whole + 1, frac, shift, &part);
		if (r < 0)
			return r;
	}
	r = num_u64n(s, whole, &v);
	if (r < 0)
		return r;
	if (v > (uint64_t)INT64_MAX >> shift)
		return -ERANGE;
	v = (v << shift) + part;
	if (v > INT64_MAX)
		return -ERANGE;
	*ret = (int64_t)v;
	return 0;
}

static const struct duration_unit {
	const char *name;
	uint64_t nsec;
} duration_units[] = {
	/* "ms" before "m". */
	{"ns", 1},
	{"us", 1000},
	{"\xc2\xb5s", 1000}, /* the micro sign */
	{"ms", 1000000},
	{"s", UINT64_C(1000000000)},
	{"m", UINT64_C(60000000000)},
	{"h", UINT64_C(3600000000000)},
};

static const struct duration_unit *find_duration_unit(const char *s)
{
	for (size_t i = 0; i < sizeof(duration_units) / sizeof(duration_units[0]); i++)
		if (str_starts(s, duration_units[i].name))
			return &duration_units[i];
	return NULL;
}

/* One "1.5h" at *s, which is moved behind it; added to *nsec. */
static int duration_part(const char **s, uint64_t *nsec)
{
	size_t whole = strspn(*s, "0123456789"), frac = 0;
	const char *digits = *s + whole, *name = digits;
	uint64_t v = 0, place;

	if (*digits == '.') {
		frac = strspn(++digits, "0123456789");
		name = digits + frac;
	}
	const struct duration_unit *u = find_duration_unit(name);
	if (!u || (whole == 0 && frac == 0))
		return -EINVAL;
	if (whole && num_u64n(*s, whole, &v) < 0)
		return -ERANGE;
	if (v > INT64_MAX / u->nsec)
		return -ERANGE;
	v *= u->nsec;
	place = u->nsec;
	for (size_t i = 0; i < frac; i++) {
		place /= 10;
		v += (uint64_t)(digits[i] - '0') * place;
	}
	if (v > INT64_MAX - *nsec)
		return -ERANGE;
	*nsec += v;
	*s = name + strlen(u->name);
	return 0;
}

int num_duration(const char *s, uint64_t *ret_usec)
{
	uint64_t nsec = 0;

	if (!*s)
		return -EINVAL;
	while (*s && !str_eq(s, "0")) {
		int r = duration_part(&s, &nsec);
		if (r < 0)
			return r;
		if (str_eq(s, "0"))
			return -EINVAL;
	}
	*ret_usec = nsec / 1000;
	return 0;
}

struct signal_word {
	const char *text;
	int number;
};

/* The first name of a number is the one that is printed. */
static const struct signal_word signal_words[] = {
	{"HUP", SIGHUP},   {"INT", SIGINT},	  {"QUIT", SIGQUIT}, {"ILL", SIGILL},
	{"TRAP", SIGTRAP}, {"ABRT", SIGABRT},	  {"BUS", SIGBUS},   {"FPE", SIGFPE},
	{"KILL", SIGKILL}, {"USR1", SIGUSR1},	  {"SEGV", SIGSEGV}, {"USR2", SIGUSR2},
	{"PIPE", SIGPIPE}, {"ALRM", SIGALRM},	  {"TERM", SIGTERM}, {"STKFLT", SIGSTKFLT},
	{"CHLD", SIGCHLD}, {"CONT", SIGCONT},	  {"STOP", SIGSTOP}, {"TSTP", SIGTSTP},
	{"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},	  {"URG", SIGURG},   {"XCPU", SIGXCPU},
	{"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"WINCH", SIGWINCH},
	{"IO", SIGIO},	   {"PWR", SIGPWR},	  {"SYS", SIGSYS},   {"IOT", SIGIOT},
	{"CLD", SIGCHLD},  {"POLL", SIGPOLL},
};
#define N_SIGNAL_WORDS (sizeof(signal_words) / sizeof(signal_words[0]))

/* "RTMIN", "RTMIN+3", "RTMAX-1": counted as libc does, which keeps the first two for itself. */
static int signal_realtime(const char *s, int *ret)
{
	bool from_min = strncasecmp(s, "RTMIN", 5) == 0;
	int base = from_min ? SIGRTMIN : SIGRTMAX;
	uint64_t n = 0;
	int r;

	if (!from_min && strncasecmp(s, "RTMAX", 5) != 0)
		return -EINVAL;
	s += 5;
	if (*s) {
		if (*s != (from_min ? '+' : '-'))
			return -EINVAL;
		r = num_u64(s + 1, &n);
		if (r < 0)
			return r;
	}
	if (n > (uint64_t)(SIGRTMAX - SIGRTMIN))
		return -ERANGE;
	*ret = from_min ? base + (int)n : base - (int)n;
	return 0;
}

int num_signal(const char *s, int *ret)
{
	if (is_digit(s[0])) {
		uint64_t v;
		int r = num_u64(s, &v);

		if (r < 0)
			return r;
		if (v > KERNEL_SIGNALS)
			return -ERANGE;
		*ret = (int)v;
		return 0;
	}
	if (strncasecmp(s, "SIG", 3) == 0)
		s += 3;
	for (size_t i = 0; i < N_SIGNAL_WORDS; i++) {
		if (strcasecmp(signal_words[i].text, s) == 0) {
			*ret = signal_words[i].number;
			return 0;
		}
	}
	return signal_realtime(s, ret);
}

char *num_signal_name(int sig, char buf[16])
{
	for (size_t i = 0; i < N_SIGNAL_WORDS; i++) {
		if (signal_words[i].number == sig) {
			snprintf(buf, 16, "SIG%s", signal_words[i].text);
			return buf;
		}
	}
	if (sig == SIGRTMIN)
		snprintf(buf, 16, "SIGRTMIN");
	else if (sig == SIGRTMAX)
		snprintf(buf, 16, "SIGRTMAX");
	else if (sig > SIGRTMIN && sig < SIGRTMAX)
		snprintf(buf, 16, "SIGRTMIN+%d", sig - SIGRTMIN);
	else
		snprintf(buf, 16, "%d", sig);
	return buf;
}

/* One "3" or "0-3" of n bytes. */
static int list_range(const char *s, size_t n, uint64_t *ret_first, uint64_t *ret_last)
{
	const char *dash = memchr(s, '-', n);
	size_t head = dash ? (size_t)(dash - s) : n;
	int r = num_u64n(s, head, ret_first);

	if (r < 0)
		return r;
	*ret_last = *ret_first;
	if (dash) {
		r = num_u64n(dash + 1, n - head - 1, ret_last);
		if (r < 0)
			return r;
	}
	return *ret_first <= *ret_last ? 0 : -EINVAL;
}

int num_list(const char *s, uint64_t *bits, size_t n_bits)
{
	memset(bits, 0, (n_bits + 63) / 64 * sizeof(*bits));
	for (;;) {
		size_t n = strcspn(s, ",");
		uint64_t first, last;
		int r = list_range(s, n, &first, &last);

		if (r < 0)
			return r;
		if (last >= n_bits)
			return -ERANGE;
		for (uint64_t i = first; i <= last; i++)
			bits[i / 64] |= (uint64_t)1 << (i % 64);
		if (s[n] == '\0')
			return 0;
		s += n + 1;
	}
}

/*
 * Year, month, day of a day counted from 1970-01-01, by the 400-year cycle of the calendar.
 * glibc's gmtime_r would open /etc/localtime at its first call: a file of the container, once the
 * root has changed.
 */
static void date_of(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	int64_t z = days + 719468; /* from 0000-03-01, so that a leap day ends its year */
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*ret_day = doy - (153 * mp + 2) / 5 + 1;
	*ret_month = mp < 10 ? mp + 3 : mp - 9;
	*ret_year = (int64_t)yoe + era * 400 + (*ret_month <= 2);
}

char *num_now_rfc3339(char buf[40])
{
	struct timespec now = {0, 0};
	unsigned month, day, second;
	int64_t year;

	clock_gettime(CLOCK_REALTIME, &now);
	date_of(now.tv_sec / 86400, &year, &month, &day);
	second = (unsigned)(now.tv_sec % 86400);
	/* The remainders only tell the compiler the widths. */
	snprintf(buf, 40, "%04u-%02u-%02uT%02u:%02u:%02u.%09uZ", (unsigned)(year % 10000),
		 month % 100, day % 100, second / 3600 % 24, second / 60 % 60, second % 60,
		 (unsigned)now.tv_nsec % 1000000000u);
	return buf;
}
