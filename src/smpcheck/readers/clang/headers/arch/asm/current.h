/* Each thread is a task of its own. */
#ifndef SMPCHECK_ASM_CURRENT_H
#define SMPCHECK_ASM_CURRENT_H
#include_next <asm/current.h>
struct task_struct;
#undef current
#define current get_current()
#endif
