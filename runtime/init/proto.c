/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/init/proto: the message table's functions. Owns the wording of protocol errors. Knows
 * nothing of what the messages do. Called by init (child) and life (parent).
 */
#include "runtime/init/proto.h"

#include <errno.h>
#include <string.h>
#include "base/str.h"

#include "base/ban.h"

static const struct {
	uint32_t number;
	const char *name, *who, *carries, *meaning;
} messages[] = {
#define ROW(number, name, who, carries, meaning) {number, #name, who, carries, meaning},
	INIT_MESSAGES(ROW)
#undef ROW
};
#define N_MESSAGES (sizeof(messages) / sizeof(messages[0]))

const char *init_proto_name(uint32_t number)
{
	for (size_t i = 0; i < N_MESSAGES; i++)
		if (messages[i].number == number)
			return messages[i].name;
	return "?";
}

int init_proto_send(int sock_fd, enum init_message m, const void *p, size_t n, const int *fds,
		    size_t n_fds, struct err *e)
{
	int r = msg_send(sock_fd, m, p, n, fds, n_fds);

	if (r == -EPIPE || r == -ECONNRESET)
		return err_set(e, ERR_KERNEL, EPIPE, "send %s: the other process is gone",
			       init_proto_name(m));
	if (r < 0)
		return err_sys(e, r, "send %s", init_proto_name(m));
	return 0;
}

int init_proto_take_fail(const struct msg *m, struct err *e)
{
	if (m->len != sizeof(*e))
		return err_set(e, ERR_BUG, EBADMSG, "FAIL carries %u bytes, not %zu", m->len,
			       sizeof(*e));
	/* The peer may be a container's process by now: trust no length, no terminator, no byte. */
	struct err theirs;

	memcpy(&theirs, m->payload, sizeof(theirs));
	theirs.text[sizeof(theirs.text) - 1] = '\0';
	theirs.stage[sizeof(theirs.stage) - 1] = '\0';
	if (theirs.code <= 0 || theirs.code > 4095)
		theirs.code = EIO;
	if ((unsigned)theirs.class >= ERR_CLASS_N)
		theirs.class = ERR_BUG;
	str_printable(e->stage, sizeof(e->stage), theirs.stage);
	return err_set(e, theirs.class, theirs.code, "%s", theirs.text);
}

int init_proto_expect(int sock_fd, enum init_message want, int timeout_ms, struct msg *m,
		      struct err *e)
{
	int r = msg_recv(sock_fd, timeout_ms, m);

	if (r == -EPIPE || r == -ECONNRESET)
		return err_set(e, ERR_KERNEL, EPIPE, "waiting for %s: the other process ended",
			       init_proto_name(want));
	if (r == -ETIMEDOUT)
		return err_set(e, ERR_BUSY, ETIMEDOUT, "waiting for %s: no answer in %d s",
			       init_proto_name(want), timeout_ms / 1000);
	if (r < 0)
		return err_sys(e, r, "waiting for %s", init_proto_name(want));
	if (m->number == want)
		return 0;
	if (m->number == INIT_MSG_FAIL)
		r = init_proto_take_fail(m, e);
	else
		r = err_set(e, ERR_BUG, EBADMSG, "expected the message %s, got %s",
			    init_proto_name(want), init_proto_name(m->number));
	msg_done(m);
	return r;
}

void init_proto_fail(int sock_fd, const struct err *e)
{
	(void)msg_send(sock_fd, INIT_MSG_FAIL, e, sizeof(*e), NULL, 0);
}

void init_proto_print(struct buf *out)
{
	buf_adds(out, "| # | message | who | carries | meaning |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < N_MESSAGES; i++)
		buf_printf(out, "| %u | %s | %s | %s | %s |\n", messages[i].number,
			   messages[i].name, messages[i].who,
			   messages[i].carries[0] ? messages[i].carries : "-", messages[i].meaning);
}
