/* SPDX-License-Identifier: Apache-2.0 */
/* spec/tables: the tables that the room's f_ files share with each other. Not for other rooms. */
#ifndef STIVA_SPEC_TABLES_H
#define STIVA_SPEC_TABLES_H

#include "spec/spec.h"

extern const struct json_table spec_table_linux, spec_table_id_mapping, spec_table_features,
	spec_table_mounts;

#endif
