/*
 * link_locks.c
 *		The locks by which a child and a parent cannot miss each other.
 *
 * A child that arrives and a parent that claims its ID, at the same time, do
 * not see each other's row. So each first writes its row, then locks the ID,
 * then looks with the latest snapshot, and holds the lock until its transaction
 * ends: whoever locks second waits for the first to commit and sees its row.
 *
 * The lock is a heavyweight page lock on the parent table, whose page number is
 * a hash of scope and value (two IDs with one hash wait for each other in vain,
 * no more). Nothing else takes page locks on a heap. It is the parent's, for
 * then all links to it share one lock for an ID: two children of a transaction
 * and a parent would take locks of their own in different orders. Parties that cannot miss
 * each other do not conflict: children with children, claims with claims. A
 * release (a parent lost an ID, so that a value that two held may now be held
 * by one) conflicts with all, for two that release at once would each take the
 * other for a holder.
 *
 * A transaction that would hold more than MAX_PAGES of them takes two tags for
 * the whole table instead, for lock memory is scarce. So everybody who takes
 * pages also takes those tags, in modes that conflict with the other party's
 * whole-table modes only:
 *
 *		party		page	with pages: T1, T2		whole table: T1, T2
 *		child		RX		-,	RX					S,	RX
 *		claim		S		RX,	-					RX,	S
 *		release		SRX		RX,	RX					SRX, SRX
 *
 * T1 comes before T2, both before pages, and pages in ascending order, so that
 * single statements do not deadlock. A rolled back savepoint frees its locks;
 * what we remember of them follows.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "rows/link.h"
#include "storage/lock.h"
#include "utils/memutils.h"

#define MAX_PAGES 64

/* Page numbers that no hash gives. */
#define TAG_1 ((BlockNumber) 0xFFFFFFFC)
#define TAG_2 ((BlockNumber) 0xFFFFFFFD)
#define NUM_PAGES ((BlockNumber) 0xFFFFFFFC)

typedef struct PartyModes
{
	LOCKMODE page;
	LOCKMODE pages_1; /* T1 and T2 beside pages */
	LOCKMODE pages_2;
	LOCKMODE whole_1; /* T1 and T2 instead of pages */
	LOCKMODE whole_2;
} PartyModes;

static const PartyModes party_modes[] = {
	[LINK_CHILD] = {RowExclusiveLock, NoLock, RowExclusiveLock, ShareLock,
					RowExclusiveLock},
	[LINK_CLAIM] = {ShareLock, RowExclusiveLock, NoLock, RowExclusiveLock,
					ShareLock},
	[LINK_RELEASE] = {ShareRowExclusiveLock, RowExclusiveLock,
					  RowExclusiveLock, ShareRowExclusiveLock,
					  ShareRowExclusiveLock},
};

/* A lock that this transaction holds; the page is TAG_1 for a whole table. */
typedef struct HeldLock
{
	Oid parentid;
	BlockNumber page;
	LinkParty party;
	SubTransactionId subid;
} HeldLock;

static HeldLock *held = NULL;
static int nheld = 0;
static int held_capacity = 0;

/*
 * The transaction ended, and with it its locks.
 */
static void
forget_all(XactEvent event, void *arg)
{
	(void) arg;
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE ||
		event == XACT_EVENT_PARALLEL_PRE_COMMIT)
		return;
	nheld = 0;
}

/*
 * A subtransaction was rolled back: it and those in it have freed theirs. Their
 * numbers are not below its own.
 */
static void
forget_subtransaction(SubXactEvent event, SubTransactionId subid,
					  SubTransactionId parent, void *arg)
{
	int n = 0;

	(void) parent;
	(void) arg;
	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	for (int i = 0; i < nheld; i++)
		if (held[i].subid < subid)
			held[n++] = held[i];
	nheld = n;
}

/*
 * Remember a lock.
 */
static void
remember(Oid parentid, BlockNumber page, LinkParty party)
{
	if (held == NULL)
	{
		held_capacity = 2 * MAX_PAGES;
		held = MemoryContextAlloc(TopMemoryContext,
								  sizeof(HeldLock) * held_capacity);
		RegisterXactCallback(forget_all, NULL);
		RegisterSubXactCallback(forget_subtransaction, NULL);
	}
	if (nheld == held_capacity)
	{
		held_capacity *= 2;
		held = repalloc(held, sizeof(HeldLock) * held_capacity);
	}
	held[nheld].parentid = parentid;
	held[nheld].page = page;
	held[nheld].party = party;
	held[nheld].subid = GetCurrentSubTransactionId();
	nheld++;
}

/*
 * True if the transaction holds the page (or, for TAG_1, the whole table) in a
 * mode that is good for the party.
 */
static bool
holds(Oid parentid, BlockNumber page, LinkParty party)
{
	for (int i = 0; i < nheld; i++)
		if (held[i].parentid == parentid && held[i].page == page &&
			(held[i].party == party ||
			 (held[i].party == LINK_RELEASE && party == LINK_CLAIM)))
			return true;
	return false;
}

/*
 * Take one lock.
 */
static void
lock_page(Oid parentid, BlockNumber page, LOCKMODE mode)
{
	LOCKTAG tag;

	if (mode == NoLock)
		return;
	SET_LOCKTAG_PAGE(tag, MyDatabaseId, parentid, page);
	(void) LockAcquire(&tag, mode, false, false);
}

/*
 * qsort order: by page; of one page the party that locks hardest first.
 */
static int
compare_pages(const void *a, const void *b)
{
	const LinkPage *x = a;
	const LinkPage *y = b;

	if (x->page != y->page)
		return x->page < y->page ? -1 : 1;
	return (x->party < y->party) - (x->party > y->party);
}

/*
 * Lock the pages, whose numbers are hashes, for their parties; all of them are
 * children or none is. The array is put in order. The locks are held until the
 * transaction, or the subtransaction, ends.
 */
void
link_lock(Oid parentid, LinkPage *pages, int n)
{
	LinkParty party = LINK_CHILD;
	int count = 0;
	int wanted = 0;

	for (int i = 0; i < n; i++)
	{
		pages[i].page %= NUM_PAGES;
		party = Max(party, pages[i].party);
	}
	if (n == 0 || holds(parentid, TAG_1, party))
		return;

	/* Leave those that are new to this transaction, each once. */
	qsort(pages, n, sizeof(LinkPage), compare_pages);
	for (int i = 0; i < n; i++)
		if ((wanted == 0 || pages[wanted - 1].page != pages[i].page) &&
			!holds(parentid, pages[i].page, pages[i].party))
			pages[wanted++] = pages[i];
	for (int i = 0; i < nheld; i++)
		if (held[i].parentid == parentid && held[i].page != TAG_1)
			count++;
	if (wanted == 0)
		return;

	if (count + wanted > MAX_PAGES)
	{
		lock_page(parentid, TAG_1, party_modes[party].whole_1);
		lock_page(parentid, TAG_2, party_modes[party].whole_2);
		remember(parentid, TAG_1, party);
		return;
	}
	lock_page(parentid, TAG_1, party_modes[party].pages_1);
	lock_page(parentid, TAG_2, party_modes[party].pages_2);
	for (int i = 0; i < wanted; i++)
	{
		lock_page(parentid, pages[i].page, party_modes[pages[i].party].page);
		remember(parentid, pages[i].page, pages[i].party);
	}
}
