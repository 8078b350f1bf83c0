// Package loader turns a program file into the image of a process that is about
// to execute its first instruction: segments, dynamic linker, vdso, and a stack
// with arguments, environment and auxiliary vector. It does what Linux's
// execve(2) does (fs/exec.c, fs/binfmt_elf.c, fs/binfmt_script.c, as of 6.16)
// and places things where Linux places them without address randomisation.
//
// The work has two stages. [Probe] opens and checks everything and touches no
// guest memory: until then execve(2) can fail and the caller goes on. [Program.Load]
// fills an empty address space; it can fail only for want of memory or because
// the file is not what its headers say.
//
// Program files are hostile input: headers are parsed by hand with every size
// bounded, and contents are mapped, never read into Go's memory.
//
// Nothing here may know one instruction set, nor the system call table.
package loader
