// An interpreter of byte code: one dispatch per instruction, operands on a stack.
#include "bench.h"

enum { PUSH, ADD, SUB, MUL, XOR, LOAD, STORE, LESS, JUMP_IF, JUMP, DUP, SHIFT, HALT };

// Counts i from 0 to the limit in v1, and stirs v2.
static const int32_t code[] = {
	PUSH, 0, STORE, 0,
	LOAD, 0, LOAD, 1, LESS, JUMP_IF, 13, HALT, 0,
	LOAD, 2, LOAD, 0, ADD, DUP, PUSH, 13, SHIFT, XOR, STORE, 2,
	LOAD, 2, LOAD, 0, PUSH, 7, MUL, LESS, JUMP_IF, 42,
	LOAD, 2, PUSH, 99, SUB, STORE, 2,
	LOAD, 0, PUSH, 1, ADD, STORE, 0,
	JUMP, 4,
};

static uint64_t run(uint64_t limit)
{
	uint64_t stack[16], *sp = stack, v[3] = {0, limit, 1};
	for (const int32_t *pc = code;;)
		switch (*pc++) {
		case PUSH: *sp++ = (uint64_t)*pc++; break;
		case ADD: sp--, sp[-1] += sp[0]; break;
		case SUB: sp--, sp[-1] -= sp[0]; break;
		case MUL: sp--, sp[-1] *= sp[0]; break;
		case XOR: sp--, sp[-1] ^= sp[0]; break;
		case SHIFT: sp--, sp[-1] = sp[-1] << sp[0] | sp[-1] >> (64 - sp[0]); break;
		case LESS: sp--, sp[-1] = sp[-1] < sp[0]; break;
		case DUP: *sp = sp[-1], sp++; break;
		case LOAD: *sp++ = v[*pc++]; break;
		case STORE: v[*pc++] = *--sp; break;
		case JUMP: pc = code + *pc; break;
		case JUMP_IF: pc = *--sp ? code + *pc : pc + 1; break;
		default: return v[2];
		}
}

static uint64_t work(long scale)
{
	return run((uint64_t)scale * 700000);
}
