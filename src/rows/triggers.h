/*
 * triggers.h
 *		Making triggers, which is what links and mirrors are.
 */
#ifndef EXTERNAL_IDS_TRIGGERS_H
#define EXTERNAL_IDS_TRIGGERS_H

#include "postgres.h"

extern char *numbered_name(const char *wanted, int number, int bytes);
extern bool trigger_name_used(Oid relid, const char *name);
extern int begin_creating(void);
extern void create_by(const char *sql);

#endif /* EXTERNAL_IDS_TRIGGERS_H */
