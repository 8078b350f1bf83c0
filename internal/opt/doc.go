// Package opt optimises regions: pieces of guest code of many blocks, with loops and
// inlined calls, in static single assignment form.
//
// [Form] makes a [Region] of traces: guest registers become values, with phis where control flow
// meets. The [Passes] change it, one after the other. [Lower] makes chains of it, which the
// code generator takes one by one: straight code in which guest registers are
// variables again.
//
// # State
//
// The guest's state has to be exact wherever somebody may look: at each access to memory,
// which may fault, and at each way out. So the writes of guest registers stay in a region as
// instructions of their own (setx, setf), in the guest's order, while reads are forwarded:
// they are values, and the passes are free to compute these where and how they like. A
// write that nobody can see is dropped at last. Since the writes are there, a phi costs
// nothing: it is what the register holds at the beginning of its block.
//
// # What passes keep
//
// [Region.Verify] says what a pass may not break; [Region.Eval] is what it may not change. Besides:
//
//   - Pure operations may be computed anywhere, others stay where they are, in their order.
//   - Nothing is known behind a block that Reads: the region has been left before. What a register is
//     at the beginning of a block (Block.In) may be said to be unknown, 0, where nobody needs it.
//   - A value that another chain uses needs a variable, which costs more than computing it again if
//     that is cheap. What is part of another operation for the code generator, such as a comparison
//     of a branch or the sum that is an address, is best made where it is used, once for each use.
//   - An operation that is looked through makes one more value live, unless the one it has looked through
//     is needed nowhere else, or a register holds the other one anyway.
package opt
