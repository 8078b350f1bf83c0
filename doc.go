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
// That guest shares this process's descriptors, working directory and identity,
// and its signals are this process's signals: one guest at a time, in a program
// that exists to run it, as the hospes command does. Such a program should call
// Run from its main goroutine, locked to the main thread in init.
//
// # Embedding
//
// A program that goes on, a service for example, has its guests in instances of modules: each with a Linux kernel of
// its own in user space, which gives it nothing of the host's but what its Options say. There can be thousands at a
// time. Limits and contexts end them, Go functions can be called by them, and their functions by Go:
//
//	m, err := hospes.OpenModule("plugin.elf")
//	i, err := m.Instantiate(hospes.Options{Stdout: os.Stdout, Limits: hospes.Limits{Memory: 64 << 20}})
//	err = i.Run(ctx)
//
// docs/embedding.md tells when to use which, and has the details.
//
// docs/architecture.md tells how the parts work together.
package hospes
