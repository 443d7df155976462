/* There are as many CPUs as threads. */
#ifndef SMPCHECK_LINUX_CPUMASK_H
#define SMPCHECK_LINUX_CPUMASK_H
#include_next <linux/cpumask.h>
#undef for_each_possible_cpu
#undef for_each_online_cpu
#undef for_each_present_cpu
#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < __smpcheck_cpus(); (cpu)++)
#define for_each_online_cpu(cpu) for_each_possible_cpu(cpu)
#define for_each_present_cpu(cpu) for_each_possible_cpu(cpu)
#endif
