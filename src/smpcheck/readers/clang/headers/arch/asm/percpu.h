/* The copies of a per-CPU variable lie at fixed distances. Operations on them are the tree's generic ones, each of them one step. */
#ifndef SMPCHECK_ASM_PERCPU_H
#define SMPCHECK_ASM_PERCPU_H
#define __per_cpu_offset __smpcheck_per_cpu_offset
#define per_cpu_offset(cpu) ((unsigned long)(cpu) << 20)
#define __my_cpu_offset per_cpu_offset(__smpcheck_cpu())
#define my_cpu_offset __my_cpu_offset
#define PER_CPU_ATTRIBUTES __attribute__((annotate("percpu")))
#include <asm-generic/percpu.h>
#undef this_cpu_generic_read
#undef this_cpu_generic_to_op
#undef this_cpu_generic_add_return
#undef this_cpu_generic_xchg
#undef this_cpu_generic_try_cmpxchg
#undef this_cpu_generic_cmpxchg
#define __SMPCHECK_ONE_STEP(type, operation) \
	({ unsigned long __held = __smpcheck_hold_irqs(); type __got = operation; __smpcheck_release_irqs(__held); __got; })
#define this_cpu_generic_read(v) ({ barrier(); READ_ONCE(*raw_cpu_ptr(&(v))); })
#define this_cpu_generic_to_op(v, operand, op) \
	do { unsigned long __held = __smpcheck_hold_irqs(); raw_cpu_generic_to_op(v, operand, op); __smpcheck_release_irqs(__held); } while (0)
#define this_cpu_generic_add_return(v, n) __SMPCHECK_ONE_STEP(typeof(v), raw_cpu_generic_add_return(v, n))
#define this_cpu_generic_xchg(v, n) __SMPCHECK_ONE_STEP(typeof(v), raw_cpu_generic_xchg(v, n))
#define this_cpu_generic_try_cmpxchg(v, o, n) __SMPCHECK_ONE_STEP(_Bool, raw_cpu_generic_try_cmpxchg(v, o, n))
#define this_cpu_generic_cmpxchg(v, o, n) __SMPCHECK_ONE_STEP(typeof(v), raw_cpu_generic_cmpxchg(v, o, n))
#define __percpu_seg gs
#define __percpu_prefix ""
#define __percpu_seg_override
#define __percpu_qual
#define __percpu_arg(x) "%" #x
#define this_cpu_read_stable(x) this_cpu_read(x)
#define this_cpu_read_const(x) (x)
#define this_cpu_read_stable_8(x) this_cpu_read(x)
#define x86_this_cpu_test_bit(nr, addr) 0
#define x86_this_cpu_constant_test_bit(nr, addr) 0
#define x86_this_cpu_variable_test_bit(nr, addr) 0
#define this_cpu_cmpxchg_double(...) 0
#define DEFINE_EARLY_PER_CPU(type, name, value) DEFINE_PER_CPU(type, name) = value
#define DEFINE_EARLY_PER_CPU_READ_MOSTLY(type, name, value) DEFINE_PER_CPU_READ_MOSTLY(type, name) = value
#define EXPORT_EARLY_PER_CPU_SYMBOL(name) EXPORT_PER_CPU_SYMBOL(name)
#define DECLARE_EARLY_PER_CPU(type, name) DECLARE_PER_CPU(type, name)
#define DECLARE_EARLY_PER_CPU_READ_MOSTLY(type, name) DECLARE_PER_CPU_READ_MOSTLY(type, name)
#define early_per_cpu(name, cpu) per_cpu(name, cpu)
#define early_per_cpu_ptr(name) NULL
#define early_per_cpu_map(name, i) 0
#define DECLARE_INIT_PER_CPU(name) extern typeof(name) name
#define init_per_cpu_var(name) name
#define DECLARE_PER_CPU_CACHE_HOT(type, name) DECLARE_PER_CPU(type, name)
#endif
