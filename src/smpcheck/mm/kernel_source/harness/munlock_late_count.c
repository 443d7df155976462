/* munlock() of the file's page, whose mlock another CPU has not counted yet; then the child maps and munlocks it. */
#define VMAS 2
#include "world.h"

SMPCHECK_INIT()
{
	page_is_late();
	world(1, VM_LOCKED, 2, 1);
	vm_flags_of(&vma[1]) = VM_LOCKED;
}
SMPCHECK_THREAD(munlock_and_share)
{
	munlock(0);
	load(1);
	munlock(1);
}
SMPCHECK_THREAD(drain_late) { drain_late(); }
SMPCHECK_FINALLY() { quiet(); }
