// Package libc knows functions of C libraries by their code.
//
// The translator has host code for memcpy, strlen and the like (ir.Function). What must be
// known for sure is that guest code at an address is such a function. A symbol does not tell:
// static programs may be stripped, glibc's memcpy is one of several local functions that a
// resolver chooses from, and a program may define a function strlen that does something
// else. The code itself does tell: [Find] goes through all instructions that are reachable
// from an address, called functions and constants in memory included, and compares a hash of
// them, which does not depend on where the linker has put them, with those of functions of
// known libraries. The same code does the same.
//
// zz_signatures.go has the hashes; package gen makes it from library files and programs that
// are linked with them. A library that is not among them is translated as any other code.
package libc
