// Package hospes is a process virtual machine: it runs a Linux program built for
// another instruction set as an ordinary process of this host.
//
// The first guest is RISC-V 64 (riscv64 Linux programs), the first host
// linux/amd64. Run loads a program and runs it to its end:
//
//	status, err := hospes.Run(hospes.Config{
//		Program: "./hello.riscv64",
//		Args:    []string{"hello", "world"},
//		Env:     os.Environ(),
//	})
//
// The guest shares this process's descriptors, working directory and identity,
// and its signals are this process's signals: one guest at a time, in a program
// that exists to run it, as the hospes command does. Such a program should call
// Run from its main goroutine, locked to the main thread in init.
//
// docs/architecture.md tells how the parts work together.
package hospes
