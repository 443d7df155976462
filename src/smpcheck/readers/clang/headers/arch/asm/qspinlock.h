/* The queued spinlock as the generic code has it, without the machine's own instructions. */
#ifndef SMPCHECK_ASM_QSPINLOCK_H
#define SMPCHECK_ASM_QSPINLOCK_H
#include <asm-generic/qspinlock.h>
#endif
