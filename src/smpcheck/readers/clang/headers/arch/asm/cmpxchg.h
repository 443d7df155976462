/* Exchanges are smpcheck's primitives; so the tree's atomic layer finds all their orderings. */
#ifndef SMPCHECK_ASM_CMPXCHG_H
#define SMPCHECK_ASM_CMPXCHG_H
#include_next <asm/cmpxchg.h>
#include <smpcheck_exchange.h>
#endif
