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
package opt
