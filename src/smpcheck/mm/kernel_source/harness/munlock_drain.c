/* munlock() against the CPU on which the page was born, and which drains it to its list only now. */
#include "world.h"

SMPCHECK_INIT()
{
	page_is_off_its_list();
	world(1, VM_LOCKED, 1, 0);
}
SMPCHECK_THREAD(munlock) { munlock(0); }
SMPCHECK_THREAD(drain) { drain(); }
SMPCHECK_FINALLY() { quiet_and_mapped(); }
