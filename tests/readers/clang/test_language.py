"""What C that kernel functions use means: facts about one thread, asserted in C."""

from __future__ import annotations

import pytest

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program import flow
from smpcheck.program.ir import Load, Rmw, Store
from smpcheck.program.values import INT
from tests.readers.clang.common import checked, left, read

FACTS = """
#include <linux/kernel.h>
struct in { u8 a; u16 b; };
struct node { struct list_head list; int key; struct { int x, y; }; union { u32 word; u8 byte[4]; struct { u16 lo, hi; }; }; };
struct flags { unsigned int ready : 1, kind : 3; int level : 4; unsigned int : 0; unsigned int other : 5; char after; };
enum state { IDLE, BUSY = 4, DONE };
typedef int (*op_t)(int, int);

static int add(int a, int b) { return a + b; }
static int sub(int a, int b) { return a - b; }
static struct node node = { .key = 7, .x = 1, .hi = 0x1234 };
static int table[] = { [0 ... 2] = 5, [4] = 9 };
static op_t ops[2] = { add, sub };
static int *const aim = &table[4];

#define UP_TO(n) ({ __label__ out; int i_ = 0; for (;;) if (i_++ == (n)) goto out; out: i_ - 1; })
static int counted(void) { static int calls = 10; return ++calls; }
static struct in make(int a) { return (struct in){ .a = a, .b = a * 2 }; }
static int classify(int n)
{
	int r = 0;
	switch (n) {
	case 0 ... 3: r = 1; fallthrough;
	case 4: r += 10; break;
	case BUSY + 3: { int k = 3; while (k--) { if (k == 1) continue; r += k; } return r; }
	default: goto out;
	}
	return r;
out:
	return -1;
}
static void swap_ints(int *a, int *b) { int t = *a; *a = *b; *b = t; }

static int ok;
#define FACT(c) do { if (c) ok++; else BUG(); } while (0)

SMPCHECK_THREAD(only)
{
	struct in i = make(21), j = i;
	struct flags f = { .kind = 5, .level = -3 }, *fp = &f;
	struct node *n = container_of(&node.list, struct node, list);
	struct in *ip = &(struct in){ 1, 2 };
	int a = 1, b = 2, **pp, *p = &a;
	op_t op = ops[1];
	typeof(a) c = ({ int t = a; t += 4; t; });

	FACT(i.a == 21 && j.b == 42 && ip->b == 2);
	FACT(f.kind == 5 && f.level == -3 && f.ready == 0);
	fp->ready = 3; f.level--; f.other = 33;
	FACT(f.ready == 1 && f.level == -4 && f.other == 1 && (f.kind = 9) == 1);
	FACT(n->key == 7 && n->x == 1 && n == &node);
	FACT(table[2] == 5 && table[3] == 0 && *aim == 9 && ARRAY_SIZE(table) == 5);
	FACT(op(5, 3) == 2 && ops[0](5, 3) == 8);
	FACT(counted() == 11 && counted() == 12);
	FACT(classify(2) == 11 && classify(4) == 10 && classify(7) == 2 && classify(9) == -1);
	swap_ints(&a, &b);
	pp = &p; **pp = 8;
	FACT(a == 8 && b == 1 && c == 5);
	FACT(sizeof(struct node) == 32 && offsetof(struct node, y) == 24 && DONE == 5);
	FACT((u8)300 == 44 && (s8)200 < 0 && -1 > 0u && 7 / -2 == -3 && (a ?: 3) == 8);
	FACT(min(a, b) == 1 && IS_ERR_VALUE(ERR_PTR(-EINVAL)) && __builtin_ffs(8) == 4);
	for (a = 0, b = 0; a < 3; a++) for (;;) { if (b++ == a) break; }
	FACT(a == 3 && b == 3);
	do { a--; if (a == 1) goto middle; } while (a);
middle:
	FACT(a == 1);
	FACT(UP_TO(3) == 3 && UP_TO(5) == 5);
	printk("ignored %d", a);
}
"""
NUMBER_OF_FACTS = FACTS.count("\tFACT(")


def test_every_construct_means_what_c_says() -> None:
    assert left(FACTS, [("ok", 0, INT)]) == [NUMBER_OF_FACTS]


def test_a_local_is_memory_only_if_its_address_is_stored() -> None:
    bases = {address.base for address in read(FACTS).cells}
    assert {base for base in bases if base.startswith("0:")} == {"0:a", "0:p"}  # by pp = &p


def test_a_local_whose_address_goes_to_memory_is_memory() -> None:
    text = "static int *shared;\nSMPCHECK_THREAD(a) { int x = 3; WRITE_ONCE(shared, &x); x = 4; BUG_ON(*shared != 4); }"
    program = read(text)
    assert {cell.name for cell in program.cells.values()} == {"shared", "0:x"}
    assert checked(text).failures == ()


def test_volatile_accesses_are_marked_and_others_are_plain() -> None:
    text = "static int x; static volatile int v;\nSMPCHECK_THREAD(a) { x = 1; v = 2; *(volatile int *)&x = 3; }"
    stores = [stmt for stmt in flow.statements(read(text).threads[0].body) if isinstance(stmt, Store)]
    assert [sorted(store.tags) for store in stores] == [[], ["Once"], ["Once"]]


def test_a_bit_field_is_read_and_written_with_its_run_and_with_nothing_else() -> None:
    text = "static struct { unsigned a : 3, b : 5; char c; } s;\nSMPCHECK_THREAD(a) { s.b = 1; }"
    accesses = [stmt for stmt in flow.statements(read(text).threads[0].body) if isinstance(stmt, Load | Store)]
    assert [(type(one), one.ctype.size if one.ctype else 0) for one in accesses] == [(Load, 1), (Store, 1)]


def test_two_bit_fields_of_one_run_race() -> None:
    text = "static struct { unsigned a : 3, b : 5, : 0, c : 2; } s;\n"
    both = "SMPCHECK_THREAD(one) {{ s.a = 1; }}\nSMPCHECK_THREAD(two) {{ s.{} = 1; }}"
    assert checked(text + both.format("b")).failures == ("data-race",)
    assert checked(text + both.format("c")).failures == ()


def test_a_call_through_a_pointer_goes_to_whichever_function_is_there() -> None:
    text = """
    static int one(void) { return 1; } static int two(void) { return 2; } static int r;
    static int (*op)(void) = one;
    SMPCHECK_THREAD(a) { WRITE_ONCE(op, two); }
    SMPCHECK_THREAD(b) { r = READ_ONCE(op)(); }
    SMPCHECK_FINALLY() { SMPCHECK_ASSERT(r == 1); SMPCHECK_ASSERT(r == 1 || r == 2); }"""
    assert checked(text).failures == ("r == 1",)


def test_events_stand_where_macros_are_used_with_the_text_there() -> None:
    text = "#define GET(p) READ_ONCE((p)->v)\nstatic struct { int v; } s;\nSMPCHECK_THREAD(a)\n{\n\tint r = GET(&s) + 1;\n}\n"
    (load,) = [stmt for stmt in flow.statements(read(text).threads[0].body) if isinstance(stmt, Load)]
    assert (load.pos.line if load.pos else 0, load.text) == (5, "GET(&s)")


def test_atomics_of_structs_members_and_of_words() -> None:
    text = """#include <linux/atomic.h>
    static struct { atomic_t a; atomic_long_t l; u64 w; void *p; } s;
    SMPCHECK_THREAD(a) { long old = 0; void *q = NULL;
        atomic_inc(&s.a); atomic_long_add_return_acquire(2, &s.l); try_cmpxchg(&s.l.counter, &old, 3L);
        set_bit(3, (unsigned long *)&s.w);
        BUG_ON(cmpxchg(&s.p, q, &s) != NULL || xchg(&s.p, q) != &s || old != 2 || s.w != 8 || atomic_read(&s.a) != 1); }"""
    sizes = [stmt.ctype.size for stmt in flow.statements(read(text).threads[0].body) if isinstance(stmt, Rmw) and stmt.ctype]
    assert (sizes, checked(text).failures) == ([4, 8, 8, 8, 8, 8], ())


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("int x; SMPCHECK_THREAD(a) { x = ; }", "test.c:1:33: expected expression"),
        ("int x;", "no threads: 'SMPCHECK_THREAD(name) { ... }' expected"),
        ("void f(int *); int x; SMPCHECK_THREAD(a) { f(&x); }", "f() called at test.c:1:44"),
        ('SMPCHECK_THREAD(a) { asm volatile("mfence"); }', "inline assembly ('mfence') is not read: give the harness a stub of"),
        ("SMPCHECK_THREAD(a) { int n = 3; int v[n]; v[0] = 1; }", "the array v, whose length is not constant"),
        ("float f; SMPCHECK_THREAD(a) { f = 1; }", "the type float is not supported"),
        ("SMPCHECK_THREAD(a) { void *p = &&l; goto *p; l: ; }", "not supported"),
        ("SMPCHECK_THREAD(a) { for (;;) { } }\nSMPCHECK_INIT() { BUG_ON(1); }", "the initialisation fails: BUG_ON(1)"),
    ],
)
def test_what_is_not_c_or_not_supported_is_said_with_its_place(code: str, says: str) -> None:
    with pytest.raises((InputError, UnsupportedError)) as caught:
        read(code)
    assert says in str(caught.value)


def test_members_of_a_union_are_the_same_bytes() -> None:
    text = """#include <linux/atomic.h>
    static union { u32 word; struct { u16 lo, hi; }; u8 byte[4]; } u;
    SMPCHECK_THREAD(a) { WRITE_ONCE(u.byte[1], 1); }
    SMPCHECK_THREAD(b) { u32 w = READ_ONCE(u.word); SMPCHECK_ASSERT(w == 0 || w == 0x100 || w == 0x20000 || w == 0x20100); }
    SMPCHECK_THREAD(c) { WRITE_ONCE(u.hi, 2); }
    SMPCHECK_FINALLY() { SMPCHECK_ASSERT(u.word == 0x20100); }"""
    result = checked(text)
    assert (result.failures, any("mixed sizes" in note for note in result.notes)) == ((), True)


def test_a_switch_over_a_constant_is_only_its_case() -> None:
    text = """void wrong_size(void); static long x;
    SMPCHECK_THREAD(a) { switch (sizeof(x)) { case 4: wrong_size(); break; case 8: x = 1; case 9: x++; break;
        default: wrong_size(); } BUG_ON(x != 2); }"""
    assert checked(text).failures == ()


def test_memory_that_only_one_thread_names_is_no_memory() -> None:
    text = """struct task_struct { int state; }; struct task_struct *get_current(void);
    SMPCHECK_THREAD(a) { get_current()->state = 3; WARN_ON(get_current()->state != 3); }"""
    accesses = [stmt for stmt in flow.statements(read(text).threads[0].body) if isinstance(stmt, Load | Store)]
    assert (accesses, read(text).cells, checked(text).failures) == ([], {}, ())


def test_a_generic_selection_takes_the_arm_of_its_operand() -> None:
    text = """struct s { int v; } s; static int f(const struct s *p) { return 1; } static int g(struct s *p) { return 2; }
    #define WHICH(p) _Generic((p), const struct s *: f(p), struct s *: g((struct s *)p))
    SMPCHECK_THREAD(a) { const struct s *c = &s;
        BUG_ON(WHICH(&s) != 2 || WHICH(c) != 1 || _Generic(s.v, int: 3, long: 4) != 3); }"""
    assert checked(text).failures == ()


def test_variables_of_one_name_in_macros_within_macros_are_several() -> None:
    text = """#define INNER(p) ({ int __ret; if (*(p)) __ret = 1; else __ret = 2; __ret; })
    #define OUTER(p) ({ int __ret; int __v = 40; __ret = ({ __v += INNER(p); __v; }); __ret; })
    static int x, y, z; SMPCHECK_THREAD(a) { y = OUTER(&x); z = max(max(3, 9), max(7, 5)); }"""
    assert left(text, [("y", 0, INT), ("z", 0, INT)]) == [42, 9]
