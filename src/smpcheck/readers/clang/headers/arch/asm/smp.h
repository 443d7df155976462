/* Each thread runs on a CPU of its own. */
#ifndef SMPCHECK_ASM_SMP_H
#define SMPCHECK_ASM_SMP_H
#include_next <asm/smp.h>
#undef raw_smp_processor_id
#undef __smp_processor_id
#define raw_smp_processor_id() __smpcheck_cpu()
#define __smp_processor_id() __smpcheck_cpu()
#endif
