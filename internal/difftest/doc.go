// Package difftest compares instructions, as hospes executes them, with another
// emulator, which is the outside truth.
//
// A test is a [Case]: a few instructions and the state in which they begin. Many cases
// make one [Program], a riscv64 ELF file that needs no toolchain and no library. For each
// case the program loads all registers from a record, runs the instructions, and stores
// all registers into the same record; a trap in between is caught by the program's own
// signal handler, which notes signal, si_code, si_addr and pc. At its end it writes all
// records to standard output. Two emulators that agree write the same bytes.
//
//	     code                                  data
//	start: sigaltstack, rt_sigaction      record 0: x, f, fcsr, trap, scratch memory
//	case:  jal link, load      <--------  record 1
//	       ... the instructions ...       ...
//	       jal link, store     -------->
//	       ...
//	end:   write, exit_group
//
// Two registers are kept from a case: base (the record) and link. They differ from
// program to program, so that each register is an operand somewhere.
//
// Besides single instructions and straight sequences there are flows: random programs of
// many blocks, with loops, calls, computed jumps and traps, which are run in each way that
// hospes has to execute code ([Configurations]). What has failed once is in testdata/flows,
// in a text form.
//
// What is tested comes from the instruction table (package isa); what it should do never
// does: the harness itself is assembled here by hand.
package difftest
