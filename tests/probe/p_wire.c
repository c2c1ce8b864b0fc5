// SPDX-License-Identifier: Apache-2.0
/*
 * probe: the line between the two hosts of a migration, which a test can harm: a filter that runs a
 * command and passes its input and output on, frame by frame (checkpoint/mig_link.h), until a rule
 * says otherwise. It stands where ssh would stand; the rules are the failures of ssh and of
 * networks.
 *
 *   wire [SETTING | RULE]... -- CMD ARGS...
 *
 * SETTING: log=FILE a line for each frame: "> HELLO 0 120" (way, name, number, bytes), "! RULE" for
 * each rule that was carried out; record=FILE, answer=FILE: the bytes that came from here, from
 * CMD; via=NETNS,ADDRESS: CMD's end is a TCP socket accepted at ADDRESS in that network namespace,
 * ours is connected from this one; hold=SECONDS that a stalled line lives at most (120). RULE:
 * ACTION=WHERE[:ARG], each carried out once. WHERE: [>|<] (to CMD, from CMD; without it: either)
 * NAME[#NTH], or @NUMBER of the frame, or +BYTES (these two: to CMD without it). ACTION: cut-at,
 * cut-in, cut-after: both ways closed before, in the middle of, after the frame, and the exit
 * status is 255; close-*: this way alone; stall-*: nothing moves any more, either way, and nothing
 * is closed whoever dies, until CMD ends; hush-*: the same of this way; drop: the frame is left
 * out; flip[:BIT]: a bit of it is the other one (without BIT: in the middle of what it holds);
 * garbage-at: 64 bytes before it that are no frame; replay: twice; delay:MS before it;
 * run-at:SHELL, run-after:SHELL: a command before it, after it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "checkpoint/mig_link.h"
#include "probe.h"

#define RULES_MAX    16
#define GARBAGE_SIZE 64
#define CUT_STATUS   255

enum act { CUT, CLOSE, STALL, HUSH, DROP, FLIP, GARBAGE, REPLAY, DELAY, RUN };
enum when { AT, IN, AFTER };

static const struct {
	const char *name;
	enum act act;
	enum when when;
} actions[] = {
	{"cut-at", CUT, AT},	     {"cut-in", CUT, IN},     {"cut-after", CUT, AFTER},
	{"close-at", CLOSE, AT},     {"close-in", CLOSE, IN}, {"close-after", CLOSE, AFTER},
	{"stall-at", STALL, AT},     {"stall-in", STALL, IN}, {"stall-after", STALL, AFTER},
	{"hush-at", HUSH, AT},	     {"hush-in", HUSH, IN},   {"hush-after", HUSH, AFTER},
	{"drop", DROP, AT},	     {"flip", FLIP, AT},      {"replay", REPLAY, AT},
	{"garbage-at", GARBAGE, AT}, {"delay", DELAY, AT},    {"run-at", RUN, AT},
	{"run-after", RUN, AFTER},
};

enum way { TO, FROM, EITHER };

struct rule {
	const char *text, *arg; /* arg: NULL */
	enum act act;
	enum when when;
	enum way way;
	enum { BY_NAME, BY_NUMBER, BY_BYTE } by;
	unsigned type;
	uint64_t n; /* the how manieth of them, the number, the bytes */
	uint64_t met;
	bool is_done;
};

/* One way. What came is taken apart into frames; the next is taken when the last has gone. */
struct flow {
	enum way way;
	int in, out, record;
	char *came; /* MIG_HEAD_SIZE + MIG_FRAME_MAX */
	size_t n_came;
	char *goes; /* twice that, for a replay */
	size_t n_goes, gone;
	uint64_t frames, bytes;
	bool is_raw;		  /* these are no frames */
	bool has_end, is_hushed;  /* nothing more comes; nothing more is taken */
	bool is_hung_up;	  /* by who wrote it */
	bool is_closing;	  /* once all has gone */
	const struct rule *after; /* is carried out once all has gone */
};

static struct rule rules[RULES_MAX];
static size_t n_rules;
static struct flow flows[2];
static int log_fd = -1;
static pid_t cmd;
static unsigned hold = 120;

#define UNIT_MAX (MIG_HEAD_SIZE + (size_t)MIG_FRAME_MAX)

/* ---- what a test says ---- */

static void bad(const char *what, const char *text)
{
	fprintf(stderr, "probe wire: %s: %s\n", what, text);
	exit(2);
}

static void read_where(struct rule *r, const char *s, const char *text)
{
	size_t n;

	r->way = *s == '>' ? TO : *s == '<' ? FROM : EITHER;
	s += r->way != EITHER;
	n = strcspn(s, ":");
	if (s[n])
		r->arg = s + n + 1;
	if (*s == '@' || *s == '+') {
		r->by = *s == '@' ? BY_NUMBER : BY_BYTE;
		if (r->way == EITHER)
			r->way = TO;
		r->n = strtoull(s + 1, NULL, 10);
		return;
	}
	const size_t n_name = strcspn(s, "#:");

	r->type = frame_type(s, n_name);
	if (!r->type)
		bad("no such frame", text);
	r->n = s[n_name] == '#' ? strtoull(s + n_name + 1, NULL, 10) : 1;
}

static void read_rule(const char *text)
{
	const size_t n = strcspn(text, "=");
	struct rule *r = &rules[n_rules];

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strlen(actions[i].name) != n || strncmp(actions[i].name, text, n) != 0 ||
		    !text[n])
			continue;
		if (n_rules++ == RULES_MAX)
			bad("too many rules", text);
		*r = (struct rule){.text = text, .act = actions[i].act, .when = actions[i].when};
		read_where(r, text + n + 1, text);
		if (r->by == BY_BYTE && (r->act > HUSH || r->when != AT))
			bad("bytes are for cut-at, close-at, stall-at and hush-at", text);
		if ((r->act == DELAY || r->act == RUN) && !r->arg)
			bad("an argument is missing", text);
		return;
	}
	bad("no such setting or rule", text);
}

static int open_out(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0)
		die(path);
	return fd;
}

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...)
{
	char line[512];
	va_list list;

	va_start(list, format);
	int n = vsnprintf(line, sizeof(line), format, list);

	va_end(list);
	if (log_fd >= 0)
		write_all(log_fd, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

/* ---- what is done to the line ---- */

static void end(int status) __attribute__((noreturn));
static void end(int status)
{
	for (size_t i = 0; i < n_rules; i++)
		if (!rules[i].is_done)
			tell("? %s\n", rules[i].text);
	_exit(status);
}

static int wait_cmd(void)
{
	int status;

	while (waitpid(cmd, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return shell_status(status);
}

/* This way is closed: whoever reads it sees its end. A socket is closed for writing alone. */
static void close_way(struct flow *f)
{
	if (f->out >= 0 && shutdown(f->out, SHUT_WR) < 0)
		close(f->out);
	f->out = -1;
	if (f->in >= 0 && f->in != flows[!f->way].out)
		close(f->in);
	f->in = -1;
	f->has_end = true;
	f->n_came = f->n_goes = f->gone = 0;
}

static void run(const char *command)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		die("run");
	if (shell_status(status) != 0)
		tell("! \"%s\" ended with %d\n", command, shell_status(status));
}

static void carry_out(struct flow *f, const struct rule *r)
{
	switch (r->act) {
	case CUT:
		end(CUT_STATUS);
	case CLOSE:
		close_way(f);
		break;
	case STALL: /* all stays open */
		alarm(hold);
		end(wait_cmd());
	case HUSH:
		f->is_hushed = true;
		break;
	case RUN:
		run(r->arg);
		break;
	case DELAY:
		usleep((useconds_t)atol(r->arg) * 1000);
		break;
	case DROP:
	case FLIP:
	case GARBAGE:
	case REPLAY:
		break;
	}
}

static void put(struct flow *f, const char *p, size_t n)
{
	memcpy(f->goes + f->n_goes, p, n);
	f->n_goes += n;
	f->bytes += n;
}

static void flip(struct flow *f, const struct rule *r, size_t n)
{
	size_t bit = (n > MIG_HEAD_SIZE ? MIG_HEAD_SIZE + (n - MIG_HEAD_SIZE) / 2 : n / 2) * 8;

	if (r->arg)
		bit = strtoul(r->arg, NULL, 10);
	if (bit / 8 < n)
		f->came[bit / 8] ^= (char)(1 << bit % 8);
}

/* The rule that is due for this unit, if any. number: of the frame; raw bytes have none. */
static struct rule *due(const struct flow *f, unsigned type, size_t n, bool is_frame)
{
	struct rule *found = NULL;

	for (size_t i = 0; i < n_rules; i++) {
		struct rule *r = &rules[i];
		bool is = false;

		if (r->is_done || (r->way != EITHER && r->way != f->way))
			continue;
		if (r->by == BY_BYTE)
			is = f->bytes + n > r->n;
		else if (r->by == BY_NUMBER)
			is = is_frame && f->frames == r->n;
		else if (is_frame && r->type == type)
			is = ++r->met == r->n;
		if (is && !found)
			found = r;
	}
	return found;
}

/* The unit of n bytes at the front of what came goes on, as the rule says. */
static void pass(struct flow *f, struct rule *r, size_t n)
{
	char garbage[GARBAGE_SIZE];
	size_t part = n;

	if (r) {
		r->is_done = true;
		tell("! %s\n", r->text);
		if (r->by == BY_BYTE)
			part = r->n > f->bytes ? (size_t)(r->n - f->bytes) : 0;
		else if (r->when == IN)
			part = n / 2;
		else if (r->act == DROP || (r->when == AT && r->act <= HUSH))
			part = 0;
		if (r->act == FLIP)
			flip(f, r, n);
		memset(garbage, 0xa5, sizeof(garbage));
		if (r->act == GARBAGE)
			put(f, garbage, sizeof(garbage));
		if (r->act == REPLAY)
			put(f, f->came, n);
		if (r->when == AT && (r->act == RUN || r->act == DELAY))
			carry_out(f, r);
		else
			f->after = r;
	}
	put(f, f->came, part);
	memmove(f->came, f->came + n, f->n_came - n);
	f->n_came -= n;
}

/* Takes the next unit out of what came, once it is all there. */
static bool take(struct flow *f)
{
	size_t n = f->n_came;

	if (!n)
		return false;
	if (!f->is_raw && f->n_came >= 4 && memcmp(f->came, "STVM", 4) != 0) {
		f->is_raw = true;
		tell("%c no frame\n", f->way == TO ? '>' : '<');
	}
	if (f->is_raw || f->has_end) {
		pass(f, due(f, 0, n, false), n);
		return true;
	}
	if (f->n_came < MIG_HEAD_SIZE)
		return false;
	n = MIG_HEAD_SIZE + (size_t)frame_field(f->came + 8, 4);
	if (n > UNIT_MAX) {
		f->is_raw = true;
		return take(f);
	}
	if (f->n_came < n)
		return false;
	const unsigned type = (unsigned)frame_field(f->came + 4, 2);

	tell("%c %s %llu %zu\n", f->way == TO ? '>' : '<', frame_name(type),
	     (unsigned long long)f->frames, n);
	pass(f, due(f, type, n, true), n);
	f->frames++;
	return true;
}

/* ---- the loop ---- */

static void came(struct flow *f)
{
	ssize_t n = read(f->in, f->came + f->n_came, UNIT_MAX - f->n_came);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		f->has_end = f->is_closing = f->is_hung_up = true;
		return;
	}
	if (f->record >= 0)
		write_all(f->record, f->came + f->n_came, (size_t)n);
	f->n_came += (size_t)n;
}

static void goes(struct flow *f)
{
	ssize_t n = write(f->out, f->goes + f->gone, f->n_goes - f->gone);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		close_way(f);
		return;
	}
	f->gone += (size_t)n;
}

/* What is due once all has gone. Return: true, there is something to write. */
static bool settle(struct flow *f)
{
	while (f->gone == f->n_goes && !f->is_hushed) {
		const struct rule *r = f->after;

		f->gone = f->n_goes = 0;
		f->after = NULL;
		if (r)
			carry_out(f, r);
		else if (f->out < 0 || !take(f))
			break;
	}
	if (f->gone == f->n_goes && f->is_closing && f->out >= 0 && !f->is_hushed)
		close_way(f);
	return f->gone < f->n_goes;
}

static void relay(void)
{
	for (;;) {
		struct pollfd p[4];

		for (int i = 0; i < 2; i++) {
			struct flow *f = &flows[i];
			const bool wants = settle(f);

			p[2 * i] = (struct pollfd){.fd = -1, .events = POLLIN | POLLRDHUP};
			p[2 * i + 1] = (struct pollfd){.fd = -1, .events = POLLOUT};
			if (wants)
				p[2 * i + 1].fd = f->out;
			else if (i == FROM && f->is_hushed)
				p[2 * i] = (struct pollfd){.fd = f->in, .events = POLLRDHUP};
			else if (!f->has_end && !f->is_hushed && f->n_came < UNIT_MAX)
				p[2 * i].fd = f->in;
		}
		/* As ssh: what the command still says is passed on, then it is over. */
		if (flows[FROM].out < 0 && (flows[TO].out < 0 || flows[FROM].is_hung_up))
			end(wait_cmd());
		if (poll(p, 4, -1) < 0 && errno != EINTR)
			die("poll");
		for (int i = 0; i < 2; i++) {
			if (p[2 * i].fd < 0 || !p[2 * i].revents)
				;
			else if (flows[i].is_hushed)
				end(wait_cmd());
			else
				came(&flows[i]);
			if (p[2 * i + 1].fd >= 0 && p[2 * i + 1].revents)
				goes(&flows[i]);
		}
	}
}

/* ---- the beginning ---- */

/* The two ends of a TCP connection: ours, and CMD's, accepted in its own network namespace. */
static void connect_via(char *where, int ends[2])
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	socklen_t n = sizeof(to);
	char *address = strchr(where, ',');
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there, gate;

	if (!address || inet_pton(AF_INET, address + 1, &to.sin_addr) != 1)
		bad("not NETNS,ADDRESS", where);
	*address = '\0';
	there = open(where, O_RDONLY | O_CLOEXEC);
	if (there < 0 || setns(there, CLONE_NEWNET) < 0)
		die(where);
	gate = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(gate, (struct sockaddr *)&to, n) < 0 || listen(gate, 1) < 0 ||
	    getsockname(gate, (struct sockaddr *)&to, &n) < 0 || setns(here, CLONE_NEWNET) < 0)
		die("listen");
	ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(ends[0], (struct sockaddr *)&to, n) < 0)
		die("connect");
	ends[1] = accept4(gate, NULL, NULL, SOCK_CLOEXEC);
	if (ends[1] < 0)
		die("accept");
	close(gate);
	close(there);
	close(here);
}

static void spawn(char **argv, char *via)
{
	int ends[2];

	if (via)
		connect_via(via, ends);
	else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		die("socketpair");
	cmd = fork();
	if (cmd < 0)
		die("fork");
	if (cmd == 0) {
		if (dup2(ends[1], 0) < 0 || dup2(ends[1], 1) < 0)
			_exit(126);
		signal(SIGPIPE, SIG_DFL);
		execvp(argv[0], argv);
		die(argv[0]);
	}
	close(ends[1]);
	flows[TO].in = 0;
	flows[TO].out = ends[0];
	flows[FROM].in = ends[0];
	flows[FROM].out = 1;
	for (int i = 0; i < 2; i++) {
		flows[i].way = (enum way)i;
		flows[i].came = malloc(UNIT_MAX);
		flows[i].goes = malloc(2 * UNIT_MAX + GARBAGE_SIZE);
		if (!flows[i].came || !flows[i].goes)
			die("malloc");
	}
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

static int cmd_wire(int argc, char **argv)
{
	char *via = NULL;
	int i, status;

	flows[TO].record = flows[FROM].record = -1;
	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strncmp(argv[i], "log=", 4) == 0)
			log_fd = open_out(argv[i] + 4);
		else if (strncmp(argv[i], "record=", 7) == 0)
			flows[TO].record = open_out(argv[i] + 7);
		else if (strncmp(argv[i], "answer=", 7) == 0)
			flows[FROM].record = open_out(argv[i] + 7);
		else if (strncmp(argv[i], "via=", 4) == 0)
			via = argv[i] + 4;
		else if (strncmp(argv[i], "hold=", 5) == 0)
			hold = (unsigned)number(argv[i] + 5);
		else
			read_rule(argv[i]);
	}
	if (i + 1 >= argc)
		bad("no command", "wire [SETTING | RULE]... -- CMD ARGS...");
	/* Whoever kills the filter kills what stands here, as he would ssh: the line lives as long
	 * as its ends are open, and a stalled one longer. */
	pid_t back = fork();

	if (back < 0)
		die("fork");
	if (back) {
		close(0);
		close(1);
		while (waitpid(back, &status, 0) < 0 && errno == EINTR)
			;
		return shell_status(status);
	}
	setsid();
	signal(SIGPIPE, SIG_IGN);
	spawn(argv + i + 1, via);
	relay();
	return 0;
}

const struct probe_command commands_wire[] = {
	{"wire", cmd_wire,
	 "[log=FILE|record=FILE|answer=FILE|via=NETNS,ADDRESS|hold=S|RULE]... -- CMD"},
	{0},
};
