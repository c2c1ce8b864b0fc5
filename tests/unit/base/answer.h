/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/base/answer: what a resolver gave back, in a form that two resolvers can be compared
 * by. Included after cmocka.h. */
#ifndef STIVA_TESTS_UNIT_BASE_ANSWER_H
#define STIVA_TESTS_UNIT_BASE_ANSWER_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* Who an fd is, for comparing two of them; err < 0 when there is none. */
struct answer {
	int err;
	dev_t dev;
	ino_t ino;
};

static inline struct answer answer_of(int fd)
{
	struct answer a = {.err = fd < 0 ? fd : 0};
	struct stat st;

	if (fd >= 0) {
		assert_int_equal(fstat(fd, &st), 0);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		a.dev = st.st_dev;
		a.ino = st.st_ino;
		close(fd);
	}
	return a;
}

static inline bool same(const struct answer *a, const struct answer *b)
{
	return a->err == b->err && a->dev == b->dev && a->ino == b->ino;
}

#endif
