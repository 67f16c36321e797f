/*
 * entries.h
 *		Index entries of a set, for the files of this folder.
 */
#ifndef EXTERNAL_IDS_TYPES_ENTRIES_H
#define EXTERNAL_IDS_TYPES_ENTRIES_H

#include "types/packed.h"

extern Datum *set_entries(ExternalIdSet *set, int32 *nentries);
extern ExternalIdSet *least_entry_of_value(const char *text, int len);

#endif /* EXTERNAL_IDS_TYPES_ENTRIES_H */
