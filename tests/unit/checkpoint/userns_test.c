/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/userns.c: which user namespaces CRIU can restore, and maps that are compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/idmap.h"
#include "checkpoint/internal.h"

#define ID(c, h, n)                                                                                \
	{                                                                                          \
		.container_id = {true, c}, .host_id = {true, h}, .size = { true, n }               \
	}

static struct spec_id_mapping root_too[] = {ID(1, 200000, 10), ID(0, 100000, 1)};
static struct spec_id_mapping no_root[] = {ID(1, 200000, 10)};
static struct spec_namespace user[] = {{.type = {true, SPEC_NS_USER}}};

static struct spec_linux linux_part;
static struct spec_config conf = {.linux_ = &linux_part};

static void with(struct spec_id_mapping *uids, size_t n_uids, struct spec_id_mapping *gids,
		 size_t n_gids)
{
	linux_part = (struct spec_linux){.namespaces = {user, 1},
					 .uid_mappings = {uids, n_uids},
					 .gid_mappings = {gids, n_gids}};
}

static void test_needs_a_root(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	with(root_too, 2, root_too, 2);
	assert_int_equal(ckpt_userns_check(&conf, &e), 0);
	with(no_root, 1, root_too, 2);
	assert_int_equal(ckpt_userns_check(&conf, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "linux.uidMappings"));
	with(root_too, 2, no_root, 1);
	e = (struct err)ERR_INIT;
	assert_int_equal(ckpt_userns_check(&conf, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "linux.gidMappings"));
	linux_part.namespaces.n = 0;
	assert_int_equal(ckpt_userns_check(&conf, &e), 0);
}

static void test_sysfs_of_another_network(void **state)
{
	static struct spec_namespace both[] = {{.type = {true, SPEC_NS_USER}},
					       {.type = {true, SPEC_NS_NETWORK}}};
	static char joined[] = "/proc/1/ns/net";
	static char type[] = "sysfs";
	static struct spec_mount sysfs[] = {{.type = type}};
	struct err e = ERR_INIT;

	(void)state;
	with(root_too, 2, root_too, 2);
	conf.mounts.v = sysfs;
	conf.mounts.n = 1;
	assert_int_equal(ckpt_userns_check(&conf, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "mounts[0]"));
	linux_part.namespaces.v = both;
	linux_part.namespaces.n = 2;
	assert_int_equal(ckpt_userns_check(&conf, &e), 0);
	both[1].path = joined;
	assert_int_equal(ckpt_userns_check(&conf, &e), -ENOTSUP);
	conf.mounts.n = 0;
	assert_int_equal(ckpt_userns_check(&conf, &e), 0);
}

/* Our own maps, and one that is not. */
static void test_maps_are_compared(void **state)
{
	AUTO(arena) a = {0};
	struct spec_id_mapping own[2][8];
	struct err e = ERR_INIT;
	size_t n[2];

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct id_map m;

		assert_int_equal(idmap_read(getpid(), k, &a, &m, &e), 0);
		assert_in_range(m.n, 1, 7);
		n[k] = m.n;
		for (size_t i = 0; i < m.n; i++)
			own[k][i] = (struct spec_id_mapping)ID(m.v[i].container_id, m.v[i].host_id,
							       m.v[i].size);
	}
	with(own[0], n[0], own[1], n[1]);
	assert_int_equal(ckpt_userns_audit(&conf, getpid(), &e), 0);
	own[1][0].size.v--;
	assert_int_equal(ckpt_userns_audit(&conf, getpid(), &e), -EINVAL);
	assert_non_null(strstr(e.text, "linux.gidMappings"));
	own[1][0].size.v++;
	own[0][0].host_id.v++;
	e = (struct err)ERR_INIT;
	assert_int_equal(ckpt_userns_audit(&conf, getpid(), &e), -EINVAL);
	assert_non_null(strstr(e.text, "linux.uidMappings"));
	linux_part.namespaces.n = 0;
	assert_int_equal(ckpt_userns_audit(&conf, getpid(), &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_needs_a_root),
		cmocka_unit_test(test_sysfs_of_another_network),
		cmocka_unit_test(test_maps_are_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
